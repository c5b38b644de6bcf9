import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random, type Reporter, SdqError } from '@sdq/core';
import {
  type Head,
  loadCheckpoint,
  loadQuantizedModel,
  loadTokenizer,
  type QuantizedModel,
  readConfig,
  readMaxLength,
  requireRows,
  saveModel,
  saveQuantizedModel,
  withHead,
  writeFileAtomically,
} from '@sdq/models';
import { createPlan, type ResolvedPlan, resolvePlan, type SiteRanges, sitesOf } from '@sdq/quantizers';
import type { Batch } from './batches.ts';
import { CachedTeacher } from './cached-teacher.ts';
import { calibrationBatches } from './calibration-batches.ts';
import { type Dataset, headKind, loadDataset, tokensOf } from './dataset.ts';
import { distillationOf, requireDistillable } from './distillation.ts';
import type { Classifier } from './encoder-model.ts';
import {
  disposeModel,
  type EncoderModel,
  floatClassifier,
  hostTensors,
  tensorsFrom,
} from './encoder-model.ts';
import { evaluateLanguage } from './evaluate-language.ts';
import { fineTuning } from './fine-tuning.ts';
import { compareLogits, type FinishCheck, logitsOn } from './finish-check.ts';
import { type MethodKey, methodNamed, versionLabel } from './methods.ts';
import { type ObserverChoice, type ObserverRecord, observerRecord } from './observer-choice.ts';
import { loadPlugins, type Plugins } from './plugins.ts';
import { PostTrainer } from './post-trainer.ts';
import { planBesideProducts, trainProducts } from './product-training.ts';
import { ptqVersion, savedPtq } from './ptq-choice.ts';
import { parsePtqRecipe, plainObserver } from './ptq-recipe.ts';
import { quantizedTraining } from './quantized-training.ts';
import { reportPage } from './report.ts';
import { type LanguageScores, meanScore, type Results } from './results.ts';
import type { RunConfig } from './run-config.ts';
import { RunFolder, type StageRecord } from './run-folder.ts';
import { keepPredictions } from './run-predictions.ts';
import { runResults, studentMethod } from './run-results.ts';
import { sharedScores } from './shared-scores.ts';
import { quantizedClassifier, quantizeModel } from './student.ts';
import { teacherSignal } from './teacher-signal.ts';
import { tensorBoardReporter } from './tensorboard.ts';
import { type ModelStep, type StageTraining, trainModel } from './train-model.ts';
import type { TrainingRecipe } from './training-recipe.ts';
import { unusedOptions } from './unused-options.ts';

/** Batches of training text on which a finished student is compared with what was trained. */
const FINISH_BATCHES = 4;

/** What training starts from. */
interface Calibration {
  readonly ranges: SiteRanges;
  readonly observer: ObserverRecord;
}

/** A method that trains a student. */
type TrainedMethod = Exclude<MethodKey, 'ptq'>;

const isTrained = (method: MethodKey): method is TrainedMethod => method !== 'ptq';

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
}

/**
 * The main job: fine-tunes the fp32 teacher, or takes the one that is given, quantizes it after training (PTQ), by quantization-aware
 * training (QAT) and by self-distilled quantization (SDQ), scores each in every language, and saves the teacher
 * and the quantized student in the run folder with `results.json` and `report.html`.
 *
 * A run that was interrupted at any moment goes on when it is asked for again, and gives the same bits. Source: O'Neill and Dutta 2023,
 * "Self-Distilled Quantization", sections 3 and 4.
 *
 * @throws SdqError for bad input, before anything is written; `interrupted` when the signal asked for it; as `train`
 */
export async function run(
  config: RunConfig,
  reporter: Reporter,
  environment: RunEnvironment,
): Promise<Results> {
  const { checkpointSteps = 1 } = environment;
  if (!(Number.isInteger(checkpointSteps) && checkpointSteps > 0)) {
    throw new SdqError('bad-option', `Checkpoints cannot come after each ${checkpointSteps} steps.`);
  }
  const plugins = await loadPlugins(config.plugins ?? []);
  createPlan(config.plan, plugins.quantizers);
  const tokenizer = await loadTokenizer(config.model);
  const start = config.teacher ?? config.model;
  const { config: encoder, head } = await readConfig(start);
  requireRows(tokenizer, encoder, config.model);
  const maxLength = Math.min(config.maxLength, await readMaxLength(start, encoder));
  const dataset = loadDataset({ ...config, maxLength }, tokenizer, head);
  const folder = RunFolder.open(config.out, config, plugins);
  const told = environment.tensorBoard ? tensorBoardReporter(reporter, folder.file('tensorboard')) : reporter;
  return new Run(config, plugins, dataset, folder, folder.reporter(told), environment).all();
}

class Run {
  private readonly head: Head;

  constructor(
    private readonly config: RunConfig,
    private readonly plugins: Plugins,
    private readonly dataset: Dataset,
    private readonly folder: RunFolder,
    private readonly reporter: Reporter,
    private readonly environment: RunEnvironment,
  ) {
    this.head = { kind: headKind(dataset.task), labels: dataset.labels };
  }

  async all(): Promise<Results> {
    for (const remark of [...unusedOptions(this.config), ...this.dataset.remarks]) {
      this.reporter.message(remark);
    }
    const teacher = await this.teacher();
    const plan = this.planFor(teacher);
    const { methods } = this.config;
    const pending = methods.filter(isTrained).filter((method) => !this.folder.finished(method));
    const trainer = this.postTrainer(teacher, pending);
    for (const recipe of this.pendingRecipes()) await this.postTraining(recipe, trainer);
    if (pending.length > 0) {
      const calibration = await this.calibrate(trainer);
      for (const method of pending) await this.train(method, teacher, plan, calibration);
    }
    disposeModel(teacher);
    rmSync(this.folder.file('checkpoints'), { recursive: true, force: true });
    const results = await runResults(this.config, this.dataset, this.folder, this.environment.backend);
    await writeFileAtomically(this.folder.file('results.json'), `${JSON.stringify(results, null, 2)}\n`);
    await writeFileAtomically(this.folder.file('report.html'), reportPage(results));
    return results;
  }

  private async teacher(): Promise<EncoderModel> {
    const done = this.folder.finished('teacher');
    const { teacher: given } = this.config;
    const loaded = await loadCheckpoint(done ? this.folder.file('teacher') : (given ?? this.config.model));
    // A teacher's outputs stay as they are; its labels may have another case.
    const start = given === undefined || done ? loaded : { ...loaded, head: this.head };
    const checkpoint = withHead(start, this.head, new Random(this.config.seed).fork('head'));
    requireDistillable(this.config.methods, this.config.distillation, checkpoint.config, this.plugins.losses);
    // Only now: a checkpoint that cannot be read leaves no folder behind.
    await this.folder.create();
    const parameters = tensorsFrom(checkpoint.tensors);
    if (done) {
      this.reporter.message('The fine-tuned teacher is there already: going on from it.');
      return { config: checkpoint.config, head: this.head, parameters };
    }
    const untrained: EncoderModel = { config: checkpoint.config, head: this.head, parameters };
    const started = performance.now();
    const { model, training } = given !== undefined ? { model: untrained } : await this.fineTuned(untrained);
    await saveModel(this.folder.file('teacher'), {
      config: model.config,
      head: model.head,
      tensors: hostTensors(model.parameters),
      tokenizerFrom: this.config.model,
    });
    const fp32 = await this.scoreTeacher(model);
    await this.finish('teacher', { fp32 }, started, training && { training });
    return model;
  }

  /** What runs of a teacher that was given share; a teacher that is trained here is this run's alone. */
  private get shared(): string | undefined {
    return this.config.teacher === undefined ? undefined : this.environment.shared;
  }

  private scoreTeacher(model: EncoderModel): Promise<LanguageScores> {
    const { shared, dataset, folder, environment } = this;
    const score = () => this.score('fp32', 'fp32', floatClassifier(model));
    if (shared === undefined) return score();
    const teacher = folder.file('teacher');
    return sharedScores(shared, { teacher, dataset, backend: environment.backend }, folder.path, score);
  }

  private planFor({ parameters }: EncoderModel): ResolvedPlan {
    return resolvePlan(createPlan(this.config.plan, this.plugins.quantizers), sitesOf(parameters));
  }

  private async fineTuned(start: EncoderModel) {
    const { finetune } = this.config;
    const step = fineTuning(this.planFor(start), finetune.noise);
    const tuned = await trainModel(start, this.stageTraining('teacher', finetune, step));
    disposeModel(start, tuned.model);
    return tuned;
  }

  /** Quantizes after training by one recipe. */
  private async postTraining(recipe: string, trainer: PostTrainer): Promise<void> {
    const started = performance.now();
    const version = ptqVersion(recipe);
    this.reporter.message(`Quantizing after training: ${versionLabel(version, this.config)} ...`);
    const { model, classify, dispose } = await trainer.make(recipe);
    try {
      const distance = await trainer.distance(classify);
      this.reporter.event({ event: 'distance', stage: version, distance });
      const scores = await this.score(version, version, classify);
      const record = { scores: { [version]: scores }, distance };
      // Saved before it is noted: an interruption in between makes this version once more.
      if (model && studentMethod(this.config, this.folder).key === 'ptq') {
        const stages = { ...this.folder.stages, [version]: { ...record, seconds: 0, peakMemoryBytes: 0 } };
        if (savedPtq(stages) === version) await this.saveStudent(model);
      }
      await this.finish(version, record.scores, started, { distance });
    } finally {
      dispose();
    }
  }

  /** What quantizes the teacher after training, for the recipes and methods that are not finished. */
  private postTrainer(teacher: EncoderModel, pending: readonly MethodKey[]): PostTrainer {
    const { config, dataset, reporter } = this;
    const recipes = this.pendingRecipes().flatMap((recipe) => plainObserver(parsePtqRecipe(recipe)) ?? []);
    return new PostTrainer({
      teacher,
      plan: createPlan(config.plan, this.plugins.quantizers),
      dataset,
      config,
      observers: [...recipes, ...(pending.length > 0 ? (['min-max', 'percentile'] as const) : [])],
      beforeBatch: () => this.requireNoInterruption('quantizing after training'),
      report: (text) => reporter.message(text),
    });
  }

  private pendingRecipes(): string[] {
    return (this.config.ptq ?? []).filter((recipe) => !this.folder.finished(ptqVersion(recipe)));
  }

  /** The ranges of activations that training starts from, by the observer that serves this teacher better. */
  private async calibrate(trainer: PostTrainer): Promise<Calibration> {
    const distanceOf = (observer: ObserverChoice) => this.folder.finished(ptqVersion(observer))?.distance;
    const [minMax, percentile] = [distanceOf('min-max'), distanceOf('percentile')];
    const observer =
      minMax !== undefined && percentile !== undefined
        ? observerRecord({ 'min-max': minMax, percentile })
        : await trainer.chooseObserver();
    this.reporter.event({ event: 'observer', stage: 'calibration', ...observer });
    return { ranges: await trainer.ranges(observer.chosen), observer };
  }

  private requireNoInterruption(doing: string): void {
    if (!this.environment.signal?.aborted) return;
    throw new SdqError('interrupted', `Interrupted while ${doing}: give the same command again to go on.`);
  }

  /** QAT, SDQ and iPQ: trains the student, then finishes it as integers and scores those. */
  private async train(
    key: TrainedMethod,
    teacher: EncoderModel,
    plan: ResolvedPlan,
    { ranges, observer }: Calibration,
  ): Promise<void> {
    const started = performance.now();
    const { noise, products, quantized: recipe } = this.config;
    const { weights, version } = methodNamed(key);
    const byProducts = weights === 'products';
    const rules = byProducts ? planBesideProducts(plan) : plan;
    const distilled = await this.distilled(key, teacher);
    const { step, grids } = quantizedTraining(
      rules,
      ranges,
      this.config,
      distilled,
      weights === 'noise' ? noise : undefined,
    );
    const stage = this.stageTraining(key, recipe, step);
    const trainStudent = async () =>
      byProducts
        ? trainProducts(teacher, products, stage)
        : { ...(await trainModel(teacher, stage)), rows: undefined };
    const { model, training, rows } = await trainStudent().finally(() => distilled?.close());
    const batches = calibrationBatches(this.dataset.train, FINISH_BATCHES, this.config.seed);
    const trained = await logitsOn(step.classifier(model), batches);
    let quantized = quantizeModel(model, rules, grids, rows);
    disposeModel(model, teacher);
    if (studentMethod(this.config, this.folder).key === key) {
      await this.saveStudent(quantized);
      // The scores are those of the file: what was saved is what is measured.
      quantized = await loadQuantizedModel(this.folder.file('student'));
    }
    const finish = await this.checkFinish(key, trained, quantized, batches);
    const scores = await this.scoreQuantized(key, version, quantized);
    await this.finish(key, { [version]: scores }, started, { observer, training, finish });
  }

  /** Compares the finished student with the fake-quantized model that was trained. */
  private async checkFinish(
    stage: string,
    trained: Awaited<ReturnType<typeof logitsOn>>,
    quantized: QuantizedModel,
    batches: readonly Batch[],
  ): Promise<FinishCheck> {
    const { classify, dispose } = quantizedClassifier(quantized);
    const check = compareLogits(trained, await logitsOn(classify, batches));
    dispose();
    this.reporter.event({ event: 'finish', stage, ...check });
    if (!check.equal) {
      const percent = (100 * check.samePredictions).toFixed(2);
      this.reporter.message(
        `The finished student's logits differ from those that were trained by up to ${check.largestDifference.toPrecision(3)}; ${percent} % of its predictions are the same.`,
      );
    }
    return check;
  }

  /** What a method learns from the teacher, live or from the cache that all methods of the run share. */
  private async distilled(method: TrainedMethod, teacher: EncoderModel) {
    const { distillation, teacherCache } = this.config;
    const loss = distillationOf(method, distillation, this.plugins.losses);
    if (!loss) return undefined;
    if (!teacherCache) {
      const signal = (batch: Batch) => teacherSignal(teacher, loss, batch);
      return { teacher, loss, signal, close: () => {} };
    }
    const cached = await CachedTeacher.open({
      teacher,
      folder: this.folder.file('teacher'),
      reader: loss,
      examples: this.dataset.train,
      path: join(this.shared ?? this.folder.path, 'teacher-cache', 'signal.cache'),
      maxBytes: teacherCache.bytes,
      type: teacherCache.type,
      backend: this.environment.backend,
    });
    const { capacity, replaced } = cached.cache;
    if (replaced) {
      this.reporter.message(
        'The teacher cache was of another teacher, other data, other taps or another backend: it is filled anew.',
      );
    }
    if (capacity < 1) {
      this.reporter.message(
        `The teacher cache has room for ${(100 * capacity).toFixed(1)} % of the examples; the teacher runs for the others.`,
      );
    }
    return { teacher, loss, signal: (batch: Batch) => cached.signal(batch), close: () => cached.close() };
  }

  /** How a stage of this run trains. */
  private stageTraining(stage: string, recipe: TrainingRecipe, step: ModelStep): StageTraining {
    const { dataset, reporter, folder } = this;
    const { seed, trainEmbeddings } = this.config;
    const { signal, checkpointSteps: everySteps } = this.environment;
    const checkpoints = { folder: folder.checkpoints(stage), everySteps };
    return { stage, step, recipe, dataset, seed, trainEmbeddings, reporter, checkpoints, signal };
  }

  /** The score in every language; the predictions are kept in the run folder. */
  private async score(stage: string, version: string, classify: Classifier): Promise<LanguageScores> {
    const { dev, task } = this.dataset;
    const total = [...dev.values()].reduce((sum, set) => sum + tokensOf(set), 0);
    const started = performance.now();
    this.reporter.start(`scoring ${stage}`, total, 'tokens');
    try {
      const scores: Record<string, number> = {};
      let before = 0;
      for (const [language, set] of dev) {
        const evaluation = await evaluateLanguage(classify, this.dataset, language, set, (done) => {
          this.requireNoInterruption(`scoring ${stage}`);
          const tokens = before + done;
          this.reporter.progress(tokens, { 'tokens/s': (1000 * tokens) / (performance.now() - started) });
        });
        before += evaluation.tokens;
        scores[language] = evaluation.score;
        keepPredictions(this.folder.path, version, task.name, language, evaluation);
      }
      this.reporter.event({ event: 'scores', stage, scores });
      return scores;
    } finally {
      this.reporter.stop();
    }
  }

  private async scoreQuantized(
    stage: string,
    version: string,
    quantized: QuantizedModel,
  ): Promise<LanguageScores> {
    const { classify, dispose } = quantizedClassifier(quantized);
    try {
      return await this.score(stage, version, classify);
    } finally {
      dispose();
    }
  }

  private async saveStudent(quantized: QuantizedModel): Promise<void> {
    await saveQuantizedModel(this.folder.file('student'), quantized, { tokenizerFrom: this.config.model });
  }

  private async finish(
    stage: string,
    scores: StageRecord['scores'],
    started: number,
    more: Pick<StageRecord, 'observer' | 'distance' | 'training' | 'finish'> = {},
  ): Promise<void> {
    const seconds = (performance.now() - started) / 1000;
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    await this.folder.finish(stage, { scores, seconds, peakMemoryBytes, ...more });
    for (const [version, byLanguage] of Object.entries(scores)) {
      const average = (100 * meanScore(byLanguage)).toFixed(2);
      this.reporter.message(
        `${versionLabel(version, this.config)}: ${average} on average, in ${seconds.toFixed(0)} s.`,
      );
    }
  }
}
