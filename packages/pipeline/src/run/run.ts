import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Random, type Reporter, SdqError } from '@sdq/core';
import {
  type FinishCheck,
  type LanguageScores,
  METHODS,
  type MethodKey,
  meanScore,
  methodNamed,
  ptqVersion,
  type Results,
  versionLabel,
} from '@sdq/core/results';
import { CachedTeacher, teacherSignal } from '@sdq/distillation';
import {
  type Batch,
  type Classifier,
  disposeModel,
  type EncoderModel,
  familyOf,
  floatClassifier,
  type Head,
  hostTensors,
  loadCheckpoint,
  loadQuantizedModel,
  loadTokenizer,
  modelHash,
  type QuantizedModel,
  readConfig,
  readMaxLength,
  requireRows,
  saveModel,
  saveQuantizedModel,
  tensorsFrom,
  withHead,
  writeFileAtomically,
} from '@sdq/models';
import { createPlan, type ResolvedPlan, resolvePlan, type SiteRanges, sitesOf } from '@sdq/quantizers';
import { quantizedClassifier } from '@sdq/serve';
import { type TrainingRecipe, tensorBoardReporter } from '@sdq/trainer';
import {
  distillationOf,
  loadPlugins,
  type Plugins,
  parsePtqRecipe,
  plainObserver,
  type RunConfig,
  requireDistillable,
  unusedOptions,
} from '../config/index.ts';
import {
  calibrationBatches,
  type Dataset,
  headKind,
  loadDataset,
  tokensOf,
  trainableTask,
} from '../data/index.ts';
import { evaluateLanguage, keepPredictions } from '../evaluation/index.ts';
import {
  compareLogits,
  logitsOn,
  type ObserverChoice,
  type ObserverRecord,
  observerRecord,
  quantizeModel,
} from '../model/index.ts';

import {
  fineTuning,
  type ModelStep,
  PostTrainer,
  planBesideProducts,
  quantizedTraining,
  type StageTraining,
  trainModel,
  trainProducts,
} from '../stages/index.ts';
import { SOURCES_FILE, sourceHashes } from './finished-run.ts';
import { RunFolder, type StageRecord } from './run-folder.ts';
import { runResults, studentMethod, studentStage } from './run-results.ts';
import { sharedScores } from './shared-scores.ts';
import { type InputChanges, inputChanges, RunInputs, type StageInputs } from './stage-inputs.ts';

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
  /** Makes the page `report.html` of the results: `reportPage` of `@sdq/report`; absent: there is no page. */
  readonly report?: ((results: Results) => string) | undefined;
}

/**
 * The main job: fine-tunes the fp32 teacher, or takes the one that is given, quantizes it after training (PTQ), by quantization-aware
 * training (QAT) and by self-distilled quantization (SDQ), scores each in every language, and saves the teacher
 * and the quantized student in the run folder with `results.json`.
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
  const folder = RunFolder.open(config.out, config, plugins);
  try {
    const tokenizer = await loadTokenizer(config.model);
    const start = config.teacher ?? config.model;
    const { config: encoder, head } = await readConfig(start);
    requireRows(tokenizer, encoder, config.model);
    const maxLength = Math.min(config.maxLength, await readMaxLength(start, encoder));
    trainableTask(config.task);
    // Before anything is read: a file that changes in the meantime is found the next time.
    const sources = await sourceHashes(config);
    const dataset = loadDataset({ ...config, maxLength }, tokenizer, head);
    const inputs = await RunInputs.of(config, dataset);
    const told = environment.tensorBoard
      ? tensorBoardReporter(reporter, folder.file('tensorboard'))
      : reporter;
    return await new Run(
      config,
      plugins,
      dataset,
      inputs,
      sources,
      folder,
      folder.reporter(told),
      environment,
    ).all();
  } finally {
    folder.close();
  }
}

class Run {
  private readonly head: Head;
  /** Finished stages whose dev sets are others than those that they scored, and which. */
  private readonly outscored = new Map<string, readonly string[]>();

  constructor(
    private readonly config: RunConfig,
    private readonly plugins: Plugins,
    private readonly dataset: Dataset,
    private readonly inputs: RunInputs,
    private readonly sources: Readonly<Record<string, string>>,
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
    const hash = await modelHash(this.folder.file('teacher'));
    await this.checkQuantized(hash);
    const pending = methods.filter(isTrained).filter((method) => !this.folder.finished(method));
    const trainer = this.postTrainer(teacher, pending);
    for (const recipe of this.pendingRecipes()) {
      const version = ptqVersion(recipe);
      await this.begin(version, this.inputs.quantized(version, hash));
      await this.postTraining(recipe, trainer);
    }
    let calibration: Calibration | undefined;
    for (const method of pending) {
      await this.begin(method, this.inputs.quantized(method, hash));
      calibration ??= await this.calibrate(trainer);
      await this.train(method, teacher, plan, calibration);
    }
    disposeModel(teacher);
    rmSync(this.folder.file('checkpoints'), { recursive: true, force: true });
    const results = await runResults(this.config, this.dataset, this.folder, this.environment.backend);
    await writeFileAtomically(this.folder.file('results.json'), `${JSON.stringify(results, null, 2)}\n`);
    const { report } = this.environment;
    if (report) await writeFileAtomically(this.folder.file('report.html'), report(results));
    // Last: where it is, all is there.
    await writeFileAtomically(this.folder.file(SOURCES_FILE), `${JSON.stringify(this.sources, null, 2)}\n`);
    return results;
  }

  private async teacher(): Promise<EncoderModel> {
    const { teacher: given } = this.config;
    this.check('teacher', this.inputs.teacher);
    await this.checkModel('teacher', this.folder.file('teacher'));
    const done = this.folder.finished('teacher');
    const loaded = await loadCheckpoint(done ? this.folder.file('teacher') : (given ?? this.config.model));
    // A teacher's outputs stay as they are; its labels may have another case.
    const start = given === undefined || done ? loaded : { ...loaded, head: this.head };
    const checkpoint = withHead(start, this.head, new Random(this.config.seed).fork('head'));
    requireDistillable(this.config.methods, this.config.distillation, checkpoint.config, this.plugins.losses);
    // Only now: a checkpoint that cannot be read leaves no folder behind.
    await this.folder.create();
    const parameters = tensorsFrom(checkpoint.tensors);
    const untrained: EncoderModel = { config: checkpoint.config, head: this.head, parameters };
    if (done) {
      this.reporter.message('The fine-tuned teacher is there already: going on from it.');
      if (this.outscored.has('teacher')) {
        const fp32 = await this.scoreTeacher(untrained);
        await this.folder.replace('teacher', { ...done, scores: { fp32 }, inputs: this.inputs.teacher });
      } else await this.adopt('teacher', done, this.inputs.teacher);
      return untrained;
    }
    await this.begin('teacher', this.inputs.teacher);
    const { model, training } = given !== undefined ? { model: untrained } : await this.fineTuned(untrained);
    await saveModel(this.folder.file('teacher'), {
      config: model.config,
      head: model.head,
      tensors: hostTensors(model.parameters),
      tokenizerFrom: this.config.model,
    });
    const fp32 = await this.scoreTeacher(model);
    const saved = await modelHash(this.folder.file('teacher'));
    await this.finish('teacher', { fp32 }, { ...(training && { training }), model: saved });
    return model;
  }

  /**
   * Sets a finished stage aside if what its weights were computed from has changed, and notes whether its scores are of other dev
   * sets; says so.
   */
  private check(stage: string, now: StageInputs): void {
    const before = this.folder.finished(stage)?.inputs;
    if (!before) return;
    const { weights, scores, moved } = inputChanges(stage, before, now, this.config);
    this.requireInPlace(moved);
    if (weights.length > 0) this.setAside(stage, [...weights, ...scores]);
    else if (scores.length > 0) this.outscored.set(stage, scores);
  }

  /** Sets a finished stage aside if the model that it saved is gone, or another lies in its place. */
  private async checkModel(stage: string, folder: string): Promise<void> {
    const record = this.folder.finished(stage);
    if (!record) return;
    const found = existsSync(join(folder, 'model.safetensors')) ? await modelHash(folder) : undefined;
    // An older release did not note which model it saved.
    if (found !== undefined && !record.inputs) {
      await this.folder.replace(stage, { ...record, model: found });
    } else if (found === undefined || record.model !== found) {
      this.setAside(stage, [`the model in ${folder}${found === undefined ? ' (it is gone)' : ''}`]);
    }
  }

  /** Checks the finished stages that quantize the teacher of this hash, and scores the saved student again on other dev sets. */
  private async checkQuantized(teacher: string): Promise<void> {
    const { folder } = this;
    const stages = () => Object.entries(folder.stages).filter(([stage]) => stage !== 'teacher');
    const inputsOf = (stage: string) => this.inputs.quantized(stage, teacher);
    for (const [stage] of stages()) this.check(stage, inputsOf(stage));
    const student = studentStage(this.config, folder.stages);
    if (student !== undefined) await this.checkModel(student, folder.file('student'));
    for (const [stage, record] of stages()) {
      const changed = this.outscored.get(stage);
      const method = METHODS.find(({ key }) => key === stage);
      if (changed === undefined) await this.adopt(stage, record, inputsOf(stage));
      else if (stage !== student || !method) this.setAside(stage, changed);
      else {
        this.reporter.message(
          `The student of "${stage}" is scored again, since this has changed: ${changed.join(', ')}.`,
        );
        const quantized = await loadQuantizedModel(folder.file('student'));
        const scores = { [method.version]: await this.scoreQuantized(stage, method.version, quantized) };
        await folder.replace(stage, { ...record, scores, inputs: inputsOf(stage) });
      }
    }
  }

  /** Records for a stage that holds where its inputs lie now, or, for a run of an older release, what they are. */
  private async adopt(stage: string, record: StageRecord, inputs: StageInputs): Promise<void> {
    if (!record.inputs) {
      this.reporter.message(
        `"${stage}" is of an older release, which kept no hashes: it is taken to be of the data and models that are there now.`,
      );
    }
    if (!isDeepStrictEqual(record.inputs?.places, inputs.places)) {
      await this.folder.replace(stage, { ...record, inputs });
    }
  }

  private setAside(stage: string, changed: readonly string[]): void {
    this.folder.setAside(stage);
    const { methods, ptq = [] } = this.config;
    const asked = ['teacher', ...methods, ...ptq.map(ptqVersion)].includes(stage);
    this.reporter.message(
      asked
        ? `"${stage}" is computed again, since this has changed: ${changed.join(', ')}.`
        : `"${stage}" is left out of the results, since this has changed: ${changed.join(', ')}. Ask for it again (--methods, --ptq) to compute it.`,
    );
  }

  /** @throws SdqError `path-exists` when options lead to other content at another place */
  private requireInPlace(moved: InputChanges['moved']): void {
    const [first] = moved;
    if (!first) return;
    const { option, before, now } = first;
    throw new SdqError(
      'path-exists',
      `${this.folder.path} holds a run of another configuration: ${option} was ${before} and is ${now}, with other content. Give the former path to go on with it, or another --out.`,
    );
  }

  /** Begins a stage, or goes on with one that was interrupted, if what it is computed from is still the same. */
  private async begin(stage: string, inputs: StageInputs): Promise<void> {
    const before = this.folder.interrupted(stage);
    if (before) {
      const { weights, moved } = inputChanges(stage, before, inputs, this.config);
      this.requireInPlace(moved);
      if (weights.length > 0) {
        this.folder.dropCheckpoints(stage);
        this.reporter.message(`"${stage}" is begun anew, since this has changed: ${weights.join(', ')}.`);
      }
    }
    await this.folder.begin(stage, inputs);
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

  private planFor({ config, parameters }: EncoderModel): ResolvedPlan {
    const plan = createPlan(this.config.plan, this.plugins.quantizers);
    return resolvePlan(plan, sitesOf(parameters), familyOf(config.family).roleOf);
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
    const version = ptqVersion(recipe);
    this.reporter.message(`Quantizing after training: ${versionLabel(version, this.config)} ...`);
    const { model, classify, dispose } = await trainer.make(recipe);
    try {
      const distance = await trainer.distance(classify);
      this.reporter.event({ event: 'distance', stage: version, distance });
      const scores = await this.score(version, version, classify);
      const record = { scores: { [version]: scores }, distance };
      // Saved before it is noted: an interruption in between makes this version once more.
      const stages = { ...this.folder.stages, [version]: { ...record, seconds: 0, peakMemoryBytes: 0 } };
      const saves = studentStage(this.config, stages) === version;
      if (model && saves) await this.saveStudent(model);
      await this.finish(version, record.scores, { distance, ...(saves && (await this.savedStudent())) });
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
    const { noise, products, quantized: recipe } = this.config;
    const { weights, version } = methodNamed(key);
    const byProducts = weights === 'products';
    const rules = byProducts ? planBesideProducts(plan, familyOf(teacher.config.family).roleOf) : plan;
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
    const saves = studentMethod(this.config, this.folder).key === key;
    if (saves) {
      await this.saveStudent(quantized);
      // The scores are those of the file: what was saved is what is measured.
      quantized = await loadQuantizedModel(this.folder.file('student'));
    }
    const finish = await this.checkFinish(key, trained, quantized, batches);
    const scores = await this.scoreQuantized(key, version, quantized);
    const saved = saves && (await this.savedStudent());
    await this.finish(key, { [version]: scores }, { observer, training, finish, ...saved });
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
    const { hashes, options } = this.folder.interrupted(stage)!;
    const checkpoints = { folder: folder.checkpoints(stage), everySteps };
    const identity = { hashes, options };
    return { stage, step, recipe, dataset, seed, trainEmbeddings, identity, reporter, checkpoints, signal };
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

  /** The hash of the student that was saved. */
  private async savedStudent(): Promise<Pick<StageRecord, 'model'>> {
    return { model: await modelHash(this.folder.file('student')) };
  }

  private async finish(
    stage: string,
    scores: StageRecord['scores'],
    more: Pick<StageRecord, 'observer' | 'distance' | 'training' | 'finish' | 'model'> = {},
  ): Promise<void> {
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    const { seconds } = await this.folder.finish(stage, { scores, peakMemoryBytes, ...more });
    for (const [version, byLanguage] of Object.entries(scores)) {
      const average = (100 * meanScore(byLanguage)).toFixed(2);
      this.reporter.message(
        `${versionLabel(version, this.config)}: ${average} on average, in ${seconds.toFixed(0)} s.`,
      );
    }
  }
}
