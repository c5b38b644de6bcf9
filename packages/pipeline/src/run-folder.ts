import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Reporter, type RunEvent, SdqError } from '@sdq/core';
import { writeFileAtomically } from '@sdq/models';
import type { FinishCheck } from './finish-check.ts';
import type { ObserverRecord } from './observer-choice.ts';
import type { Plugins } from './plugins.ts';
import { type RunConfig, type RunOptions, resolveRunConfig } from './run-config.ts';

const CONFIG_FILE = 'config.json';
const STAGES_FILE = 'stages.json';

/** What a finished stage left behind: figures only, weights lie in folders of their own. */
export interface StageRecord {
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly seconds: number;
  /** Which observer set the ranges that the stage starts from. */
  readonly observer?: ObserverRecord;
  /** Of a PTQ version: the mean squared difference of its logits from fp32's on training text that is held out. */
  readonly distance?: number;
  /** Tokens trained on, and the time that took. */
  readonly training?: { readonly tokens: number; readonly seconds: number };
  /** How the finished student's logits differ from those that were trained. */
  readonly finish?: FinishCheck;
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
    private readonly config: unknown,
    records: Record<string, StageRecord>,
  ) {
    this.records = records;
  }

  /**
   * Opens the folder of a run, which need not be there yet: {@link RunFolder.create} makes it. A run may be given more
   * methods than before.
   *
   * @throws SdqError `path-exists` when it holds a run of another configuration
   */
  static open(path: string, config: RunConfig, plugins: Plugins): RunFolder {
    const configFile = join(path, CONFIG_FILE);
    const stagesFile = join(path, STAGES_FILE);
    const asked = JSON.parse(JSON.stringify(config)) as unknown;
    if (
      existsSync(configFile) &&
      !isDeepStrictEqual(sameRun(readConfig(configFile, plugins)), sameRun(asked))
    ) {
      throw new SdqError(
        'path-exists',
        `${path} holds a run of another configuration: choose another folder, or delete that one.`,
      );
    }
    const records = existsSync(stagesFile) ? (readJson(stagesFile) as Record<string, StageRecord>) : {};
    // Of an older release, which chose among its two versions on text that it scored: made anew.
    const { ptq: _old, ...known } = records;
    return new RunFolder(path, asked, known);
  }

  /**
   * Makes the folder, if it is not there, and writes its config.json.
   *
   * @throws SdqError `io-failed`
   */
  async create(): Promise<void> {
    try {
      mkdirSync(this.path, { recursive: true });
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new SdqError('io-failed', `The run folder ${this.path} cannot be made: ${reason}.`, { cause });
    }
    await writeFileAtomically(this.file(CONFIG_FILE), `${JSON.stringify(this.config, null, 2)}\n`);
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

  /** Notes that a stage is finished: what it wrote must be whole by now. Its checkpoints are removed. */
  async finish(stage: string, record: StageRecord): Promise<void> {
    this.records = { ...this.records, [stage]: record };
    await writeFileAtomically(this.file(STAGES_FILE), `${JSON.stringify(this.records, null, 2)}\n`);
    rmSync(this.checkpoints(stage), { recursive: true, force: true });
  }

  /** The folder of a stage's checkpoints. */
  checkpoints(stage: string): string {
    return this.file(join('checkpoints', stage));
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

/** What must agree for two configurations to be of one run: all but the methods and recipes, each of which stands alone. */
function sameRun(config: unknown): unknown {
  return { ...(config as object), methods: null, ptq: null };
}

/** The configuration of a run that is there; options that have come since then have their defaults. */
function readConfig(file: string, plugins: Plugins): unknown {
  return JSON.parse(JSON.stringify(resolveRunConfig(readJson(file) as RunOptions, plugins)));
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
