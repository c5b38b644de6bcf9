import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Random, type Reporter, SdqError, yieldToEvents } from '@sdq/core';
import { examplesHash, type SafetensorsValue } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { type StepRequest, StepRunner } from './step-runner.ts';
import { loadTrainingCheckpoint, saveCheckpoint, type TrainingCheckpoint } from './training-checkpoint.ts';
import { planSteps, type TrainingStep } from './training-steps.ts';
import { WeightAverage } from './weight-average.ts';

/** What {@link train} needs. */
export interface TrainingRequest<P = unknown> extends StepRequest<P> {
  readonly seed: number;
  readonly reporter: Reporter;
  /** The score on English dev, as often as the recipe says. */
  readonly evaluate?: (() => Promise<number>) | undefined;
  /** What changes in training beside the variables and is saved with them. */
  readonly state?: TrainingState | undefined;
  /** What else decides the result, as plain data: a checkpoint of another one is refused. */
  readonly identity?: unknown;
  /** Where checkpoints are kept; without it, training that is interrupted starts anew. */
  readonly checkpoints?: CheckpointOptions | undefined;
  /** Once aborted, training saves a checkpoint after the step that it is in, and stops. */
  readonly signal?: AbortSignal | undefined;
}

/** What a loss keeps from step to step, such as moving averages, as plain data that JSON can hold. */
export interface TrainingState {
  save(): unknown;
  /** Puts what `save` gave in the place of the state of now. */
  restore(saved: unknown): void;
}

/** Where and how often training saves what it needs to go on. */
export interface CheckpointOptions {
  /** A folder of its own for this stage. */
  readonly folder: string;
  /**
   * Saves after each so many steps; absent: once a minute, and more seldom where that would take more than 2 % of the time.
   */
  readonly everySteps?: number | undefined;
}

/** What a stage of training did. */
export interface TrainingSummary {
  readonly steps: number;
  readonly tokens: number;
  /** Without scoring and saving. */
  readonly seconds: number;
}

const SECONDS_BETWEEN_SAVES = 60;
const LARGEST_SHARE_OF_SAVING = 0.02;
const [WEIGHTS, AVERAGES, MOMENTS] = ['weights/', 'averages/', 'adamw/'];

/** Where a training stands. */
interface Progress {
  step: number;
  tokens: number;
  seconds: number;
  /** The last score on English dev, and the step that it is of. */
  score: number | undefined;
  scoredStep: number;
  best: { readonly score: number; readonly step: number } | undefined;
  scoresSinceBest: number;
}

/**
 * Trains variables by AdamW with warm-up, decay of the learning rate and clipping of the global gradient norm, on batches
 * filled by token budget.
 *
 * The order of the data, every random mask and so the result depend on the seed alone. With checkpoints, training that was
 * interrupted at any moment goes on when it is asked for again, and gives the same bits as without the interruption.
 *
 * @throws SdqError `bad-value` when the loss or a gradient is no longer finite: names the step, the examples and the
 * parameter with the largest gradient, and leaves the last checkpoint. `interrupted` when the signal asked for it.
 * `bad-checkpoint` when the checkpoint is of other data or of another recipe
 */
export async function train<P>(request: TrainingRequest<P>): Promise<TrainingSummary> {
  const training = new Training(request);
  try {
    return await training.run();
  } finally {
    request.reporter.stop();
    training.dispose();
  }
}

class Training<P> {
  private readonly steps: readonly TrainingStep[];
  private readonly runner: StepRunner<P>;
  private readonly average: WeightAverage | undefined;
  private readonly files:
    | { readonly last: string; readonly best: string; readonly fingerprint: string }
    | undefined;
  private progress: Progress = {
    step: 0,
    tokens: 0,
    seconds: 0,
    score: undefined,
    scoredStep: 0,
    best: undefined,
    scoresSinceBest: 0,
  };
  /** The best weights, where there is no file for them. */
  private best: TrainingCheckpoint | undefined;
  private lastSave = { at: 0, seconds: 0 };

  constructor(private readonly request: TrainingRequest<P>) {
    const { stage, examples, variables, recipe, seed, checkpoints } = request;
    const random = new Random(seed).fork(stage);
    const lengths = examples.map(({ ids }) => ids.length);
    this.steps = planSteps(lengths, recipe, random);
    const { emaDecay } = recipe;
    this.average = emaDecay > 0 ? new WeightAverage(variables, emaDecay, request.sparse) : undefined;
    this.runner = new StepRunner(request, this.steps.length, random, this.average);
    this.files = checkpoints && {
      last: join(checkpoints.folder, 'last.safetensors'),
      best: join(checkpoints.folder, 'best.safetensors'),
      fingerprint: fingerprint(request),
    };
  }

  async run(): Promise<TrainingSummary> {
    const { stage, reporter, recipe, examples, signal } = this.request;
    const allTokens = recipe.epochs * examples.reduce((sum, { ids }) => sum + ids.length, 0);
    await this.resume();
    reporter.start(stage, allTokens, 'tokens');
    this.lastSave.at = performance.now();
    await this.scoreWhenDue();
    while (this.progress.step < this.steps.length && !this.outOfPatience()) {
      this.next();
      await yieldToEvents();
      if (!signal?.aborted) await this.scoreWhenDue();
      if (signal?.aborted) throw await this.interruption();
      await this.saveWhenDue();
    }
    await this.useResult();
    const { step: steps, tokens, seconds } = this.progress;
    return { steps, tokens, seconds };
  }

  dispose(): void {
    this.runner.dispose();
    this.average?.dispose();
  }

  /** Takes a step and tells of it. */
  private next(): void {
    const { stage, reporter, examples } = this.request;
    const { progress } = this;
    const step = this.steps[progress.step]!;
    const started = performance.now();
    const figures = this.runner.take(step, progress.step);
    progress.step += 1;
    progress.tokens += step.batches.flat().reduce((sum, i) => sum + examples[i]!.ids.length, 0);
    progress.seconds += (performance.now() - started) / 1000;
    const tokensPerSecond = progress.tokens / progress.seconds;
    reporter.event({ event: 'step', stage, step: progress.step, ...figures, tokensPerSecond });
    reporter.progress(progress.tokens, {
      'tokens/s': tokensPerSecond,
      loss: figures.loss,
      ...(progress.score === undefined ? {} : { 'en dev': progress.score }),
    });
  }

  /** Scores English dev if the last step asks for it and that is still to be done. */
  private async scoreWhenDue(): Promise<void> {
    const { stage, reporter, evaluate, recipe } = this.request;
    const { progress } = this;
    const { step } = progress;
    if (!evaluate || step === progress.scoredStep || !this.steps[step - 1]?.evaluates) return;
    this.average?.swap();
    const score = await evaluate();
    reporter.event({ event: 'evaluation', stage, step, language: 'en', score });
    progress.score = score;
    progress.scoredStep = step;
    progress.scoresSinceBest += 1;
    if (!progress.best || score > progress.best.score) {
      progress.best = { score, step };
      progress.scoresSinceBest = 0;
      if (recipe.keep === 'best') await this.keepBest();
    }
    this.average?.swap();
  }

  private outOfPatience(): boolean {
    const { patience } = this.request.recipe;
    return patience > 0 && this.progress.scoresSinceBest >= patience;
  }

  /** Puts the weights that the recipe asks for into the variables. */
  private async useResult(): Promise<void> {
    if (this.request.recipe.keep === 'best' && this.progress.best) {
      const best = this.best ?? (this.files && (await loadTrainingCheckpoint(this.files.best)));
      if (!best) throw new SdqError('bad-checkpoint', `The best weights are not in ${this.files?.best}.`);
      this.restoreWeights(best);
    } else this.average?.swap();
  }

  private async keepBest(): Promise<void> {
    const best = { arrays: this.weights(), data: { state: this.request.state?.save() } };
    if (this.files) await saveCheckpoint(this.files.best, best);
    else this.best = { ...best, arrays: copied(best.arrays) };
  }

  private async interruption(): Promise<SdqError> {
    const { stage } = this.request;
    const where = `Interrupted after step ${this.progress.step} of ${this.steps.length} of "${stage}"`;
    if (!this.files) return new SdqError('interrupted', `${where}.`);
    await this.save(this.files.last);
    return new SdqError('interrupted', `${where}: give the same command again to go on from there.`);
  }

  private async saveWhenDue(): Promise<void> {
    if (!this.files) return;
    const { everySteps } = this.request.checkpoints!;
    const pause = Math.max(SECONDS_BETWEEN_SAVES, this.lastSave.seconds / LARGEST_SHARE_OF_SAVING);
    const due =
      everySteps === undefined
        ? performance.now() - this.lastSave.at >= 1000 * pause
        : this.progress.step % everySteps === 0;
    if (due) await this.save(this.files.last);
  }

  private async save(file: string): Promise<void> {
    const { stage, reporter, state } = this.request;
    const started = performance.now();
    const optimizer = this.runner.optimizer.state();
    const arrays = new Map<string, SafetensorsValue>(this.weights());
    for (const [name, value] of this.average?.state() ?? []) arrays.set(AVERAGES + name, value);
    for (const [name, data] of Object.entries(optimizer.arrays)) {
      arrays.set(MOMENTS + name, { shape: [data.length], data } as SafetensorsValue);
    }
    const { progress } = this;
    const data = {
      fingerprint: this.files!.fingerprint,
      progress,
      optimizerStep: optimizer.step,
      state: state?.save(),
    };
    await saveCheckpoint(file, { arrays, data });
    const seconds = (performance.now() - started) / 1000;
    this.lastSave = { at: performance.now(), seconds };
    reporter.event({ event: 'checkpoint', stage, step: progress.step, seconds });
  }

  /** Goes on from the last checkpoint, if there is one. */
  private async resume(): Promise<void> {
    const saved = this.files && (await loadTrainingCheckpoint(this.files.last));
    if (!saved) return;
    const { stage, reporter } = this.request;
    const { fingerprint, progress, optimizerStep } = saved.data as {
      fingerprint: string;
      progress: Progress;
      optimizerStep: number;
    };
    if (fingerprint !== this.files!.fingerprint) {
      throw new SdqError(
        'bad-checkpoint',
        `${this.files!.last} is of other data or another recipe, plan, loss or teacher: train "${stage}" with those of before to go on from it, or move it away to begin anew.`,
      );
    }
    this.restoreWeights(saved);
    const within = (part: string) =>
      [...saved.arrays]
        .filter(([name]) => name.startsWith(part))
        .map(([name, value]) => [name.slice(part.length), value] as const);
    this.average?.restore(new Map(within(AVERAGES)), progress.step);
    this.runner.optimizer.restore({
      step: optimizerStep,
      arrays: Object.fromEntries(
        within(MOMENTS).map(([name, { data }]) => [name, data as Float32Array | Int32Array]),
      ),
    });
    this.progress = { ...this.progress, ...progress };
    const { step } = progress;
    reporter.event({ event: 'resumed', stage, step });
    reporter.message(`Going on with "${stage}" after step ${step} of ${this.steps.length}.`);
  }

  private weights(): Map<string, SafetensorsValue> {
    return new Map(
      [...this.request.variables].map(([name, variable]) => [
        WEIGHTS + name,
        { shape: variable.shape, data: variable.dataSync() as Float32Array },
      ]),
    );
  }

  private restoreWeights(saved: TrainingCheckpoint): void {
    for (const [name, variable] of this.request.variables) {
      const value = tensorOf(saved, WEIGHTS + name);
      variable.assign(value);
      value.dispose();
    }
    this.request.state?.restore(saved.data.state);
  }
}

/** What must agree for a checkpoint to be of a training. */
function fingerprint<P>({
  stage,
  seed,
  recipe,
  examples,
  variables,
  sparse,
  identity,
}: TrainingRequest<P>): string {
  const trained = [...variables].map(([name, { shape }]) => [name, shape]);
  const text = JSON.stringify({
    ...{ stage, seed, recipe, trained, sparse, identity },
    examples: examplesHash(examples),
  });
  return createHash('sha256').update(text).digest('hex');
}

/** An array of a checkpoint as a tensor that nobody else holds. */
function tensorOf({ arrays }: TrainingCheckpoint, name: string): tf.Tensor {
  const array = arrays.get(name);
  if (!array) throw new SdqError('bad-checkpoint', `The checkpoint of this training has no "${name}".`);
  return tf.keep(tf.tensor(array.data as Float32Array, [...array.shape]));
}

function copied(arrays: TrainingCheckpoint['arrays']): TrainingCheckpoint['arrays'] {
  return new Map(
    [...arrays].map(([name, { shape, data }]) => [name, { shape, data: data.slice() } as SafetensorsValue]),
  );
}
