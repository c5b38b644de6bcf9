import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Reporter, type RunEvent, SdqError } from '@sdq/core';
import { writeFileAtomically } from '@sdq/models';
import type { RunConfig } from './run-config.ts';

/** What a finished stage left behind: figures only, weights lie in folders of their own. */
export interface StageRecord {
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly seconds: number;
  /** Tokens trained on, and the time that took. */
  readonly training?: { readonly tokens: number; readonly seconds: number };
  readonly peakMemoryBytes: number;
}

/**
 * The folder of one run: what was asked (config.json), what happened (events.jsonl), and the record of each
 * finished stage (stages.json), so that a run that was interrupted goes on behind the last of them.
 */
export class RunFolder {
  private records: Record<string, StageRecord>;

  private constructor(
    readonly path: string,
    records: Record<string, StageRecord>,
  ) {
    this.records = records;
  }

  /**
   * Makes the folder, or opens it when it holds a run of the same configuration.
   *
   * @throws SdqError `path-exists` when it holds another run, `io-failed` when it cannot be made
   */
  static async open(path: string, config: RunConfig): Promise<RunFolder> {
    const configFile = join(path, 'config.json');
    const asked = JSON.parse(JSON.stringify(config)) as unknown;
    if (existsSync(configFile)) {
      if (!isDeepStrictEqual(readJson(configFile), asked)) {
        throw new SdqError(
          'path-exists',
          `${path} holds a run of another configuration: choose another folder, or delete that one.`,
        );
      }
    } else {
      try {
        mkdirSync(path, { recursive: true });
      } catch (cause) {
        throw new SdqError(
          'io-failed',
          `The run folder ${path} cannot be made: ${(cause as Error).message}.`,
          { cause },
        );
      }
      await writeFileAtomically(configFile, `${JSON.stringify(asked, null, 2)}\n`);
    }
    const stagesFile = join(path, 'stages.json');
    return new RunFolder(
      path,
      existsSync(stagesFile) ? (readJson(stagesFile) as Record<string, StageRecord>) : {},
    );
  }

  /** The path of a file or folder of the run. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** The record of a stage, if it is finished. */
  finished(stage: string): StageRecord | undefined {
    return this.records[stage];
  }

  /** The records of all finished stages. */
  get stages(): Readonly<Record<string, StageRecord>> {
    return this.records;
  }

  /** Notes that a stage is finished: what it wrote must be whole by now. */
  async finish(stage: string, record: StageRecord): Promise<void> {
    this.records = { ...this.records, [stage]: record };
    await writeFileAtomically(this.file('stages.json'), `${JSON.stringify(this.records, null, 2)}\n`);
  }

  /** A reporter that also appends each event to events.jsonl. */
  reporter(inner: Reporter): Reporter {
    return {
      start: (stage, total, unit) => inner.start(stage, total, unit),
      progress: (done, figures) => inner.progress(done, figures),
      stop: () => inner.stop(),
      message: (text) => inner.message(text),
      event: (event: RunEvent) => {
        inner.event(event);
        appendFileSync(
          this.file('events.jsonl'),
          `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`,
        );
      },
    };
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new SdqError(
      'bad-data',
      `${file} cannot be read (${(cause as Error).message}): delete the run folder and start again.`,
      { cause },
    );
  }
}
