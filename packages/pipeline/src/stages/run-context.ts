import { type Reporter, SdqError, type Stage } from '@sdq/core';
import type { Results } from '@sdq/core/results';
import type { EncoderModel, Head } from '@sdq/models';
import type { ResolvedPlan, SiteRanges } from '@sdq/quantizers';
import type { Plugins, RunConfig } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import type { ObserverRecord } from '../model/index.ts';
import type { RunFolder, RunInputs, StageInputs, StageOutcome } from '../run-folder/index.ts';
import type { Lazy } from './lazy.ts';
import type { PostTrainer } from './post-trainer.ts';

/** How a run runs: nothing of it changes the result. */
export interface RunEnvironment {
  /** What the tensors run on, for the record. */
  readonly backend: string;
  /** Once aborted, the run saves where it is, and ends with an SdqError `interrupted`. */
  readonly signal?: AbortSignal | undefined;
  /** Training saves a checkpoint after each so many steps; absent: about once a minute. */
  readonly checkpointSteps?: number | undefined;
  /** Also writes event files for TensorBoard, in `tensorboard/` of the run folder. */
  readonly tensorBoard?: boolean | undefined;
  /**
   * A folder for what runs of one given teacher have in common, one after another: its scores, and its cache. Absent: each run
   * has its own.
   */
  readonly shared?: string | undefined;
  /** Makes the page `report.html` of the results: `reportPage` of `@sdq/report`; absent: there is no page. */
  readonly report?: ((results: Results) => string) | undefined;
}

/** What training starts from. */
export interface Calibration {
  readonly ranges: SiteRanges;
  readonly observer: ObserverRecord;
}

/** What the stages of a run are given. */
export interface RunSettings {
  readonly config: RunConfig;
  readonly plugins: Plugins;
  readonly dataset: Dataset;
  readonly inputs: RunInputs;
  /** The hashes of the files that the run reads. */
  readonly sources: Readonly<Record<string, string>>;
  readonly folder: RunFolder;
  readonly reporter: Reporter;
  readonly environment: RunEnvironment;
  readonly head: Head;
}

/** What the stages of a run share. */
export interface RunContext extends RunSettings {
  /** What the teacher starts from, until its stage is finished; then the teacher. */
  readonly teacher: Lazy<EncoderModel>;
  /** The hash of the teacher in the run folder. */
  readonly teacherHash: Lazy<string>;
  /** The plan for the sites of the teacher. */
  readonly plan: Lazy<ResolvedPlan>;
  readonly postTrainer: Lazy<PostTrainer>;
  readonly calibration: Lazy<Calibration>;
}

/** A stage of a run, whose record is kept in `stages.json`. */
export interface RunStage extends Stage<RunContext, StageOutcome> {
  /** What it is computed from. */
  inputs(context: RunContext): Promise<StageInputs>;
  /** The folder in the run folder that holds the model that it saved; undefined where the run keeps that of another. */
  saves(context: RunContext): string | undefined;
  /** Called when it is known whether the stage is finished, before it begins and before anything is written. */
  prepare?(context: RunContext): Promise<void>;
  /** Scores the model that it saved again, on other dev sets. */
  rescore?(context: RunContext): Promise<StageOutcome['scores']>;
}

/** @throws SdqError `interrupted` once the run's signal is aborted */
export function requireNoInterruption({ signal }: RunEnvironment, doing: string): void {
  if (!signal?.aborted) return;
  throw new SdqError('interrupted', `Interrupted while ${doing}: give the same command again to go on.`);
}

/** The folder of what runs of a given teacher share; a teacher that is trained here is this run's alone. */
export function teacherSharedFolder({ config, environment }: RunSettings): string | undefined {
  return config.teacher === undefined ? undefined : environment.shared;
}
