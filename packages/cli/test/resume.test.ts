import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command, as a user runs it: `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-cli-resume-'));
const [data, model] = [join(root, 'xglue'), join(root, 'model')];

beforeAll(async () => {
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs the command; sends it a signal once events.jsonl holds what `pattern` finds. */
function sdqRun(
  out: string,
  kill?: { readonly signal: NodeJS.Signals; readonly pattern: RegExp },
): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
  const options = {
    task: 'NC',
    xglue: data,
    model,
    out: join(root, out),
    methods: 'sdq',
    epochs: '4',
    'quantized-epochs': '4',
    'tokens-per-batch': '64',
    'dev-limit': '6',
    'checkpoint-steps': '1',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.execPath, [main, 'run', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const timer =
    kill &&
    setInterval(() => {
      if (!kill.pattern.test(events(out))) return;
      clearInterval(timer);
      child.kill(kill.signal);
    }, 1);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearInterval(timer);
      resolve({ code, signal, stderr });
    });
  });
}

function events(out: string): string {
  try {
    return readFileSync(join(root, out, 'events.jsonl'), 'utf8');
  } catch {
    return '';
  }
}

const weights = (out: string) =>
  ['teacher', 'student'].map((part) => readFileSync(join(root, out, part, 'model.safetensors')));

it('a run that is killed or interrupted goes on, and ends with the same bits', async () => {
  expect((await sdqRun('whole')).code).toBe(0);
  // With a checkpoint behind every step, a kill at a step mostly falls into a save.
  for (const [stage, step] of [
    ['teacher', 6],
    ['sdq', 9],
    ['sdq', 14],
  ]) {
    const killed = await sdqRun('killed', {
      signal: 'SIGKILL',
      pattern: new RegExp(`"event":"step","stage":"${stage}","step":${step},`),
    });
    expect(killed.signal).toBe('SIGKILL');
  }
  const interrupted = await sdqRun('killed', {
    signal: 'SIGINT',
    pattern: /"event":"step","stage":"sdq","step":20,/,
  });
  expect(interrupted.stderr).toMatch(
    /Interrupted after step \d+ of \d+ of "sdq": give the same command again/,
  );
  expect(interrupted.code).toBe(130);
  const resumed = await sdqRun('killed');
  expect(resumed.code).toBe(0);
  expect(resumed.stderr).toMatch(/Going on with "sdq" after step \d+/);
  expect(weights('killed').map((bytes, i) => bytes.equals(weights('whole')[i]!))).toEqual([true, true]);
});
