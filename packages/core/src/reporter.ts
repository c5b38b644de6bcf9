/** One thing that happened in a run: what `events.jsonl` holds, one a line. */
export interface RunEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Where a run tells what it does: a terminal, a file, a test. */
export interface Reporter {
  /** A stage begins; `total` is in `unit`s. */
  start(stage: string, total: number, unit: string): void;
  /** `done` of the stage's total, and a few figures to show beside it. */
  progress(done: number, figures?: Readonly<Record<string, number>>): void;
  /** The stage is over. */
  stop(): void;
  /** A sentence for the person who watches. */
  message(text: string): void;
  /** A record for `events.jsonl`. */
  event(event: RunEvent): void;
}
