import type { Reporter } from '@sdq/core';
import { Presets, SingleBar } from 'cli-progress';

const PLAIN_LINE_EVERY_MS = 10_000;

/** Shows a run's progress: a bar on a terminal, a plain line now and then elsewhere; nothing when quiet. */
export class TerminalReporter implements Reporter {
  private bar: SingleBar | undefined;
  private stage = '';
  private total = 0;
  private started = 0;
  private lastLine = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream = process.stderr,
    private readonly quiet = false,
  ) {}

  start(stage: string, total: number, unit: string): void {
    this.stage = stage;
    this.total = total;
    this.started = Date.now();
    this.lastLine = Date.now();
    if (this.quiet || !this.stream.isTTY) return;
    this.bar = new SingleBar(
      {
        format: `${stage.padEnd(22)} {bar} {percentage} % | {value}/{total} ${unit} | {left} left{figures}`,
        stream: this.stream,
        hideCursor: true,
        barsize: 24,
      },
      Presets.rect,
    );
    this.bar.start(total, 0, { figures: '', left: '?' });
  }

  progress(done: number, figures: Readonly<Record<string, number>> = {}): void {
    if (this.quiet) return;
    const shown = Object.entries(figures).map(([name, value]) => ` | ${name} ${short(value)}`);
    const seconds = (Date.now() - this.started) / 1000;
    const left = done > 0 ? duration((seconds * (this.total - done)) / done) : '?';
    if (this.bar) {
      this.bar.update(done, { figures: shown.join(''), left });
    } else if (Date.now() - this.lastLine >= PLAIN_LINE_EVERY_MS) {
      this.lastLine = Date.now();
      const percent = ((100 * done) / this.total).toFixed(0);
      this.message(`${this.stage}: ${percent} %, ${left} left${shown.join('')}`);
    }
  }

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  message(text: string): void {
    if (!this.quiet) this.stream.write(`${text}\n`);
  }

  event(): void {}
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

/** Seconds as people read them: `45 s`, `3 min 05 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
