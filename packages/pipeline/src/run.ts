import { statSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { Random, type Reporter, type Taps } from '@sdq/core';
import { softmaxCrossEntropy } from '@sdq/kernels';
import {
  FloatOps,
  type Head,
  loadCheckpoint,
  loadQuantizedModel,
  loadTokenizer,
  type QuantizedModel,
  saveModel,
  saveQuantizedModel,
  withHead,
  writeFileAtomically,
} from '@sdq/models';
import {
  calibrate,
  createPlan,
  FakeQuantizedOps,
  gridsForRanges,
  MovingAverageObserver,
  type ResolvedPlan,
  resolvePlan,
  type SiteRanges,
  sitesOf,
} from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from './batches.ts';
import { calibrationBatches } from './calibration-batches.ts';
import {
  cutExamples,
  type Dataset,
  type DevSet,
  goldOf,
  headKind,
  loadDataset,
  majorityShare,
  sumOver,
  tokensOf,
} from './dataset.ts';
import { distillationFor } from './distillation.ts';
import {
  disposeModel,
  type EncoderModel,
  hostTensors,
  logitsOf,
  lossLogits,
  tensorsFrom,
  trainableCopies,
  WORD_EMBEDDINGS,
} from './encoder-model.ts';
import { evaluateLanguage, scoreLanguages } from './evaluate-language.ts';
import { mapValues } from './map-values.ts';
import type { Classifier } from './predict.ts';
import { reportPage } from './report.ts';
import { type LanguageScores, meanScore, type Results, VERSION_LABELS } from './results.ts';
import type { Method, RunConfig } from './run-config.ts';
import { RunFolder, type StageRecord } from './run-folder.ts';
import { keepPredictions, significanceOf } from './run-predictions.ts';
import { calibratedModel, quantizedClassifier, quantizeModel } from './student.ts';
import { TapCollector, teacherSignal } from './teacher-signal.ts';
import { type StepLoss, type TrainingRecipe, type TrainingSummary, train } from './trainer.ts';
import { VERSION } from './version.ts';

const MOVING_AVERAGE_MOMENTUM = 0.99;

/**
 * The main job: fine-tunes the fp32 teacher on English, quantizes it after training (PTQ), by quantization-aware
 * training (QAT) and by self-distilled quantization (SDQ), scores each in every language, and saves the teacher
 * and the int8 student in the run folder with `results.json` and `report.html`.
 *
 * A run that was interrupted goes on behind its last finished stage. Source: O'Neill and Dutta 2023,
 * "Self-Distilled Quantization", sections 3 and 4.
 *
 * @param backend - what the tensors run on, for the record
 * @throws SdqError for bad input, before anything is written
 */
export async function run(config: RunConfig, reporter: Reporter, backend: string): Promise<Results> {
  createPlan(config.plan);
  const tokenizer = await loadTokenizer(config.model);
  const dataset = loadDataset(config, tokenizer);
  const folder = RunFolder.open(config.out, config);
  return new Run(config, dataset, folder, folder.reporter(reporter), backend).all();
}

class Run {
  private readonly head: Head;
  private ranges: Record<ObserverChoice, SiteRanges> | undefined;

  constructor(
    private readonly config: RunConfig,
    private readonly dataset: Dataset,
    private readonly folder: RunFolder,
    private readonly reporter: Reporter,
    private readonly backend: string,
  ) {
    this.head = { kind: headKind(dataset.task), labels: dataset.labels };
  }

  async all(): Promise<Results> {
    for (const remark of this.dataset.remarks) this.reporter.message(remark);
    const teacher = await this.teacher();
    const plan = resolvePlan(createPlan(this.config.plan), sitesOf(teacher.parameters));
    const { methods } = this.config;
    if (methods.includes('ptq') && !this.folder.finished('ptq')) await this.postTraining(teacher, plan);
    for (const method of methods) {
      if (method === 'ptq' || this.folder.finished(method)) continue;
      await this.train(method, teacher, plan, (await this.calibrated(teacher, plan))[this.bestObserver()]);
    }
    disposeModel(teacher);
    const results = this.results();
    await writeFileAtomically(this.folder.file('results.json'), `${JSON.stringify(results, null, 2)}\n`);
    await writeFileAtomically(this.folder.file('report.html'), reportPage(results));
    return results;
  }

  private async teacher(): Promise<EncoderModel> {
    const done = this.folder.finished('teacher');
    const loaded = await loadCheckpoint(done ? this.folder.file('teacher') : this.config.model);
    const checkpoint = withHead(loaded, this.head, new Random(this.config.seed).fork('head'));
    // Only now: a checkpoint that cannot be read leaves no folder behind.
    await this.folder.create();
    const parameters = tensorsFrom(checkpoint.tensors);
    if (done) {
      this.reporter.message('The fine-tuned teacher is there already: going on from it.');
      return { config: checkpoint.config, head: this.head, parameters };
    }
    const start: EncoderModel = { config: checkpoint.config, head: this.head, parameters };
    const started = performance.now();
    const { model, training } = await this.descend('teacher', start, this.config.finetune, {
      loss: (student, batch, random) => {
        const logits = lossLogits(student, new FloatOps({ dropout: random }), batch);
        const total = softmaxCrossEntropy(logits as tf.Tensor2D, batch.labels);
        return { total, parts: {} };
      },
      classifier: (student) => floatClassifier(student),
    });
    disposeModel(start, model);
    await saveModel(this.folder.file('teacher'), {
      config: model.config,
      head: model.head,
      tensors: hostTensors(model.parameters),
      tokenizerFrom: this.config.model,
    });
    await this.finish(
      'teacher',
      { fp32: await this.score('fp32', 'fp32', floatClassifier(model)) },
      started,
      training,
    );
    return model;
  }

  /** The ranges that each observer finds, calibrated when they are first needed. */
  private async calibrated(
    teacher: EncoderModel,
    plan: ResolvedPlan,
  ): Promise<Record<ObserverChoice, SiteRanges>> {
    if (this.ranges) return this.ranges;
    const batches = calibrationBatches(this.dataset.train, this.config.calibrationBatches, this.config.seed);
    this.reporter.message(`Calibrating on ${batches.length} batches of English text ...`);
    this.ranges = await calibrate(calibratedModel(teacher), batches, plan, ['min-max', 'percentile']);
    return this.ranges;
  }

  private async postTraining(teacher: EncoderModel, plan: ResolvedPlan): Promise<void> {
    const started = performance.now();
    const ranges = await this.calibrated(teacher, plan);
    const minMax = quantizeModel(teacher, plan, gridsForRanges(ranges['min-max'], plan));
    const percentile = { ...minMax, grids: gridsForRanges(ranges.percentile, plan) };
    const scores = {
      ptqMinMax: await this.scoreQuantized('ptq min-max', 'ptqMinMax', minMax),
      ptqPercentile: await this.scoreQuantized('ptq percentile', 'ptqPercentile', percentile),
    };
    if (this.studentMethod() === 'ptq') {
      await this.saveStudent(this.bestObserver(scores) === 'percentile' ? percentile : minMax);
    }
    await this.finish('ptq', scores, started);
  }

  /** QAT and SDQ: trains the fake-quantized student, then finishes it as integers and scores those. */
  private async train(
    method: Exclude<Method, 'ptq'>,
    teacher: EncoderModel,
    plan: ResolvedPlan,
    ranges: SiteRanges,
  ): Promise<void> {
    const started = performance.now();
    const { quantized: recipe, distillation } = this.config;
    const combined = distillationFor(method, distillation, teacher.config);
    const observers = new Map(
      [...ranges].map(([site, range]) => [site, new MovingAverageObserver(MOVING_AVERAGE_MOMENTUM, range)]),
    );
    const grids = gridsForRanges(ranges, plan);
    const { model, training } = await this.descend(method, teacher, recipe, {
      prepare: combined && ((batch) => teacherSignal(teacher, combined, batch)),
      loss: (student, batch, random, signal, progress) => {
        const collector = new TapCollector(combined ?? { taps: () => false }, student.config);
        const float = new FloatOps({ dropout: random, onTap: collector.onTap });
        const logits = lossLogits(student, new FakeQuantizedOps(float, plan, { grids, observers }), batch);
        const task = softmaxCrossEntropy(logits as tf.Tensor2D, batch.labels);
        if (!combined) return { total: task, parts: { task } };
        const taps = { logits, sites: collector.sites };
        const context = { offsets: batch.offsets, teacher: teacher.config, student: student.config };
        const { total, parts } = combined.compute(signal!, taps, context, progress);
        return { total: tf.add(task.mul(distillation.task), total), parts: { task, ...parts } };
      },
      classifier: (student) => (batch) =>
        logitsOf(student, new FakeQuantizedOps(new FloatOps(), plan, { grids: new Map(grids) }), batch),
    });
    let quantized = quantizeModel({ ...model, config: teacher.config }, plan, grids);
    disposeModel(model, teacher);
    if (this.studentMethod() === method) {
      await this.saveStudent(quantized);
      // The scores are those of the file: what was saved is what is measured.
      quantized = await loadQuantizedModel(this.folder.file('student'));
    }
    const scores = await this.scoreQuantized(method, METHOD_VERSIONS[method], quantized);
    await this.finish(method, { [METHOD_VERSIONS[method]]: scores }, started, training);
  }

  /** Trains copies of a model's parameters and gives the model that has them. */
  private async descend(
    stage: string,
    start: EncoderModel,
    recipe: TrainingRecipe,
    step: {
      readonly prepare?: ((batch: Batch) => Taps) | undefined;
      readonly loss: (
        student: EncoderModel,
        batch: Batch,
        random: Random,
        signal: Taps | undefined,
        progress: number,
      ) => StepLoss;
      readonly classifier: (student: EncoderModel) => Classifier;
    },
  ): Promise<{ model: EncoderModel; training: TrainingSummary }> {
    const variables = trainableCopies(
      start,
      (name) => this.config.trainEmbeddings || name !== WORD_EMBEDDINGS,
    );
    const model: EncoderModel = { ...start, parameters: new Map([...start.parameters, ...variables]) };
    const student: EncoderModel = {
      ...model,
      config: { ...start.config, hiddenDropout: recipe.dropout, classifierDropout: recipe.dropout },
    };
    const classify = step.classifier(student);
    const training = await train({
      stage,
      examples: this.dataset.train,
      variables,
      recipe,
      seed: this.config.seed,
      reporter: this.reporter,
      sparse: this.config.trainEmbeddings ? WORD_EMBEDDINGS : undefined,
      prepare: step.prepare && ((batch) => step.prepare!(batch)),
      loss: (batch, { step: at, totalSteps, random, prepared, rows }) => {
        const parameters = rows
          ? new Map([...student.parameters, [WORD_EMBEDDINGS, rows]])
          : student.parameters;
        return step.loss({ ...student, parameters }, batch, random, prepared, at / totalSteps);
      },
      evaluate: this.dataset.dev.has('en')
        ? async () => (await scoreLanguages(classify, this.dataset, ['en'])).en!
        : undefined,
    });
    return { model, training };
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
    training?: TrainingSummary,
  ): Promise<void> {
    const seconds = (performance.now() - started) / 1000;
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    await this.folder.finish(stage, { scores, seconds, peakMemoryBytes, ...(training && { training }) });
    for (const [version, byLanguage] of Object.entries(scores)) {
      const average = (100 * meanScore(byLanguage)).toFixed(2);
      this.reporter.message(`${VERSION_LABELS[version]}: ${average} on average, in ${seconds.toFixed(0)} s.`);
    }
  }

  /** The method whose student is saved: the most elaborate one that was asked for, now or before. */
  private studentMethod(): Method {
    const order: readonly Method[] = ['sdq', 'sdq-mse', 'qat', 'ptq'];
    const chosen = (method: Method) => this.config.methods.includes(method) || this.folder.finished(method);
    return order.find(chosen)!;
  }

  /** The calibration observer that scores better on English dev: no other language may choose. */
  private bestObserver(
    scores: StageRecord['scores'] | undefined = this.folder.finished('ptq')?.scores,
  ): ObserverChoice {
    const { ptqMinMax, ptqPercentile } = scores ?? {};
    return (ptqPercentile?.en ?? 0) > (ptqMinMax?.en ?? 0) ? 'percentile' : 'min-max';
  }

  private results(): Results {
    const records = this.folder.stages;
    const scores: Record<string, LanguageScores> = {};
    for (const record of Object.values(records)) Object.assign(scores, record.scores);
    if (records.ptq) {
      scores.ptq = this.bestObserver() === 'percentile' ? scores.ptqPercentile! : scores.ptqMinMax!;
    }
    const { dev, task, unofficialLanguages } = this.dataset;
    const perLanguage = (pick: (set: DevSet) => number) =>
      Object.fromEntries([...dev].map(([language, set]) => [language, pick(set)]));
    const zeroShot = [...dev.keys()].filter((language) => language !== 'en');
    const trainings = Object.values(records).flatMap(({ training }) => (training ? [training] : []));
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      task: task.name,
      metric: task.metric,
      scores,
      average: mapValues(scores, (byLanguage) => meanScore(byLanguage)),
      averageZeroShot:
        zeroShot.length > 0 ? mapValues(scores, (byLanguage) => meanScore(byLanguage, zeroShot)) : {},
      ...significanceOf(this.folder.path, this.dataset, scores),
      majority: perLanguage((set) => majorityShare(goldOf(set))),
      examples: perLanguage((set) => goldOf(set).length),
      remarks: this.dataset.remarks,
      cut: perLanguage((set) => sumOver(set, cutExamples)),
      unofficialLanguages,
      bytes: {
        fp32: this.weightBytes('teacher'),
        [METHOD_VERSIONS[this.studentMethod()]]: this.weightBytes('student'),
      },
      trainTokensPerSecond:
        sum(trainings.map(({ tokens }) => tokens)) / sum(trainings.map(({ seconds }) => seconds)),
      peakMemoryBytes: Math.max(...Object.values(records).map(({ peakMemoryBytes }) => peakMemoryBytes)),
      seconds: sum(Object.values(records).map(({ seconds }) => seconds)),
      stageSeconds: Object.fromEntries(
        Object.entries(records).map(([stage, { seconds }]) => [stage, seconds]),
      ),
      backend: this.backend,
      machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${platform()} ${arch()}`,
      versions: { sdq: VERSION, node: process.versions.node, tfjs: tf.version.tfjs },
      config: this.config,
    };
  }

  private weightBytes(model: 'teacher' | 'student'): number {
    return statSync(join(this.folder.file(model), 'model.safetensors')).size;
  }
}

type ObserverChoice = 'min-max' | 'percentile';

/** The key in `results.json` of what each method makes. */
const METHOD_VERSIONS = { ptq: 'ptq', qat: 'qat', sdq: 'sdq', 'sdq-mse': 'sdqMse' } as const;

function floatClassifier(model: EncoderModel): Classifier {
  return (batch) => logitsOf(model, new FloatOps(), batch);
}
