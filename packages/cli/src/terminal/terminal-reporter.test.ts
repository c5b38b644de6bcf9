import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { duration, TerminalReporter } from './terminal-reporter.ts';

function sink(): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  }) as NodeJS.WriteStream;
  return { stream, text: () => text };
}

it('writes plain lines, not too often, where there is no terminal', () => {
  vi.useFakeTimers({ now: 0 });
  const { stream, text } = sink();
  const reporter = new TerminalReporter(stream);
  reporter.start('teacher', 1000, 'tokens');
  for (let done = 0; done < 1000; done += 10) {
    vi.advanceTimersByTime(300);
    reporter.progress(done, { loss: 0.51234, 'tokens/s': 1234.5 });
  }
  reporter.stop();
  vi.useRealTimers();
  const lines = text().trim().split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toBe('teacher: 33 %, 21 s left | loss 0.512 | tokens/s 1235');
});

it('is silent when quiet', () => {
  const { stream, text } = sink();
  const reporter = new TerminalReporter(stream, true);
  reporter.start('teacher', 10, 'tokens');
  reporter.message('hello');
  reporter.stop();
  expect(text()).toBe('');
});

it('writes durations as people read them', () => {
  expect([duration(4.4), duration(185), duration(3600)]).toEqual(['4 s', '3 min 05 s', '60 min 00 s']);
});
