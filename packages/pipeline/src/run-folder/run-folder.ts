import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Reporter, type RunEvent, SdqError } from '@sdq/core';
import type { FinishCheck } from '@sdq/core/results';
import { writeFileAtomically } from '@sdq/models';
import { type Plugins, type RunConfig, type RunOptions, resolveRunConfig } from '../config/index.ts';
import type { ObserverRecord } from '../model/index.ts';
import { FolderLock } from './folder-lock.ts';
import { differencesText, type OptionDifference, optionDifferences } from './option-differences.ts';
import { PATH_OPTIONS, type StageInputs } from './stage-inputs.ts';

export const CONFIG_FILE = 'config.json';
export const STAGES_FILE = 'stages.json';
/** The SHA-256 of the files that the run read, by what they are. */
export const SOURCES_FILE = 'sources.json';
const RESULT_FILES = ['results.json', 'report.html'];
/** In the folder of a stage's checkpoints: what it is computed from, and the seconds that it took so far. */
const INPUTS_FILE = 'inputs.json';
const SECONDS_FILE = 'seconds.json';

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
  /** What it was computed from; older runs lack it. */
  readonly inputs?: StageInputs;
  /** The hash of the model that it saved: of the teacher, or of the student where the run keeps that of this stage. */
  readonly model?: string;
}

/** What a stage itself knows of its record. */
export type StageOutcome = Omit<StageRecord, 'seconds' | 'peakMemoryBytes' | 'inputs'>;

/** A stage that is under way. */
interface UnderWay {
  readonly stage: string;
  readonly inputs: StageInputs;
  readonly started: number;
  /** What earlier attempts took. */
  readonly secondsBefore: number;
  savedAt: number;
}

/** How much of the time of an attempt a process that is killed may lose. */
const SECONDS_BETWEEN_NOTES = 1;

/**
 * The folder of one run: what was asked (config.json), what happened (events.jsonl), and the record of each
 * finished stage (stages.json), so that a run that was interrupted goes on behind the last of them. One process at a time has it.
 */
export class RunFolder {
  private records: Record<string, StageRecord> = {};
  /** Stages whose records do not hold any more; they stay in the file until they are finished again. */
  private readonly outdated = new Set<string>();
  private lock: FolderLock | undefined;
  private underWay: UnderWay | undefined;

  private constructor(
    readonly path: string,
    private readonly config: RunConfig,
  ) {}

  /**
   * Opens the folder of a run, which need not be there yet: {@link RunFolder.create} makes it. A run may be given more
   * methods than before, and its paths may be others: what they lead to is compared stage by stage.
   *
   * @throws SdqError `path-exists` when it holds a run of another configuration; `unavailable` when a process works in it
   */
  static open(path: string, config: RunConfig, plugins: Plugins): RunFolder {
    const folder = new RunFolder(path, config);
    if (!existsSync(path)) return folder;
    try {
      folder.lock = FolderLock.acquire(path);
      const configFile = join(path, CONFIG_FILE);
      if (existsSync(configFile)) requireSameRun(path, readRunConfig(configFile, plugins), config);
      const stagesFile = join(path, STAGES_FILE);
      if (existsSync(stagesFile)) {
        // PTQ of an older release, which chose among its two versions on text that it scored, is made anew.
        const { ptq: _old, ...known } = readJson(stagesFile) as Record<string, StageRecord>;
        folder.records = known;
      }
      return folder;
    } catch (error) {
      folder.close();
      throw error;
    }
  }

  /**
   * Makes the folder, if it is not there, and writes its config.json.
   *
   * @throws SdqError `io-failed`; `unavailable` when another process has made it by now
   */
  async create(): Promise<void> {
    try {
      mkdirSync(this.path, { recursive: true });
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new SdqError('io-failed', `The run folder ${this.path} cannot be made: ${reason}.`, { cause });
    }
    if (!this.lock) {
      this.lock = FolderLock.acquire(this.path);
      if (existsSync(this.file(CONFIG_FILE))) {
        throw new SdqError(
          'unavailable',
          `Another process began a run in ${this.path} just now: give the same command again to go on from there.`,
        );
      }
    }
    await writeFileAtomically(this.file(CONFIG_FILE), `${JSON.stringify(this.config, null, 2)}\n`);
  }

  /** Lets go of the folder, and notes how long the stage that is under way took so far. */
  close(): void {
    this.noteTime();
    this.underWay = undefined;
    this.lock?.release();
    this.lock = undefined;
  }

  /** The path of a file or folder of the run. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** The record of a stage, if it is finished and holds. */
  finished(stage: string): StageRecord | undefined {
    return this.outdated.has(stage) ? undefined : this.records[stage];
  }

  /** The records of all finished stages that hold. */
  get stages(): Readonly<Record<string, StageRecord>> {
    return Object.fromEntries(Object.entries(this.records).filter(([stage]) => !this.outdated.has(stage)));
  }

  /** Takes a stage as not finished: what it was computed from, or what it made, is not there any more. */
  setAside(stage: string): void {
    this.outdated.add(stage);
  }

  /** What the stage that was interrupted is computed from, if there is one of that name. */
  interrupted(stage: string): StageInputs | undefined {
    const file = join(this.checkpoints(stage), INPUTS_FILE);
    return existsSync(file) ? (readJson(file) as StageInputs) : undefined;
  }

  /** Removes the checkpoints of a stage. */
  dropCheckpoints(stage: string): void {
    rmSync(this.checkpoints(stage), { recursive: true, force: true });
  }

  /** Notes that a stage begins, or goes on: its time counts from now. */
  async begin(stage: string, inputs: StageInputs): Promise<void> {
    if (this.outdated.size > 0) {
      // Of what does not hold any more; what holds is told again at the end.
      for (const file of RESULT_FILES) rmSync(this.file(file), { force: true });
    }
    const folder = this.checkpoints(stage);
    mkdirSync(folder, { recursive: true });
    await writeFileAtomically(join(folder, INPUTS_FILE), `${JSON.stringify(inputs)}\n`);
    const now = performance.now();
    this.underWay = { stage, inputs, started: now, savedAt: now, secondsBefore: readSeconds(folder) };
  }

  /** Notes that the stage that is under way is finished: what it wrote must be whole by now. Its checkpoints are removed. */
  async finish(stage: string, record: Omit<StageRecord, 'seconds' | 'inputs'>): Promise<StageRecord> {
    const seconds = this.secondsSoFar();
    const { inputs } = this.underWay!;
    const whole = { ...record, seconds, inputs };
    await this.replace(stage, whole);
    this.underWay = undefined;
    this.dropCheckpoints(stage);
    return whole;
  }

  /** Puts another record in the place of a stage's. */
  async replace(stage: string, record: StageRecord): Promise<void> {
    this.records = { ...this.records, [stage]: record };
    this.outdated.delete(stage);
    await writeFileAtomically(this.file(STAGES_FILE), `${JSON.stringify(this.records, null, 2)}\n`);
  }

  /** The folder of a stage's checkpoints. */
  checkpoints(stage: string): string {
    return this.file(join('checkpoints', stage));
  }

  /** A reporter that also appends each event to events.jsonl. */
  reporter(inner: Reporter): Reporter {
    return {
      start: (stage, total, unit) => inner.start(stage, total, unit),
      progress: (done, figures) => {
        this.noteTime(SECONDS_BETWEEN_NOTES);
        inner.progress(done, figures);
      },
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

  private secondsSoFar(): number {
    const { started, secondsBefore } = this.underWay!;
    return secondsBefore + (performance.now() - started) / 1000;
  }

  /** Keeps the time of the stage that is under way, unless that was done less than so many seconds ago. */
  private noteTime(atLeast = 0): void {
    const now = performance.now();
    if (!this.underWay || now - this.underWay.savedAt < 1000 * atLeast) return;
    this.underWay.savedAt = now;
    const folder = this.checkpoints(this.underWay.stage);
    // Not synced: a loss of power may cost the note, but a kill does not tear it.
    const temporary = join(folder, `.${SECONDS_FILE}`);
    try {
      writeFileSync(temporary, JSON.stringify(this.secondsSoFar()));
      renameSync(temporary, join(folder, SECONDS_FILE));
    } catch {
      // A full disk is told by what has to be written.
    }
  }
}

/** What earlier attempts at a stage took. */
function readSeconds(folder: string): number {
  try {
    return Number(readFileSync(join(folder, SECONDS_FILE), 'utf8')) || 0;
  } catch {
    return 0;
  }
}

/**
 * Checks that two configurations are of one run: all must agree but the methods and recipes, each of which stands alone, and
 * paths.
 *
 * @throws SdqError `path-exists` that names the options
 */
function requireSameRun(path: string, before: RunConfig, now: RunConfig): void {
  const differences = runDifferences(before, now);
  if (differences.length === 0) return;
  const teacher = join(path, 'teacher');
  const reuse = existsSync(teacher) ? `; its teacher can be used there (--teacher ${teacher})` : '';
  throw new SdqError(
    'path-exists',
    `${path} holds a run of another configuration: ${differencesText(differences)}. Give the former options to go on with it, or another --out${reuse}.`,
  );
}

/** The options in which two configurations are of different runs. */
export function runDifferences(before: RunConfig, now: RunConfig): OptionDifference[] {
  const compared = ({ methods: _, ptq: _recipes, out: _out, ...config }: RunConfig) => {
    const paths = Object.fromEntries(PATH_OPTIONS.map((option) => [option, undefined]));
    return { ...config, ...paths, teacher: config.teacher === undefined ? undefined : 'given' };
  };
  const differences = optionDifferences(compared(before), compared(now));
  return differences.map((one) =>
    one.option === 'teacher' ? { ...one, before: before.teacher, now: now.teacher } : one,
  );
}

/** The configuration of a run that is there; options that have come since then have their defaults. */
export function readRunConfig(file: string, plugins: Plugins): RunConfig {
  return resolveRunConfig(readJson(file) as RunOptions, plugins);
}

/** @throws SdqError `bad-data` */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new SdqError(
      'bad-data',
      `${file} cannot be read (${(cause as Error).message}): restore it, or give another --out.`,
      { cause },
    );
  }
}
