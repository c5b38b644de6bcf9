// The score of each post-training method in each language, as Markdown:
// `node tooling/ptq-table.mjs MODEL TASK XGLUE [DEV_LIMIT] [CALIBRATION_BATCHES] [PLANS] [METHODS]`, MODEL a fine-tuned fp32
// folder, plans and methods with commas between them, all unless given.

import { useSdqCpu } from '@sdq/kernels-cpu';
import { FloatOps } from '@sdq/models';
import {
  calibratedModel,
  calibrationBatches,
  devSets,
  disposeModel,
  loadFineTuned,
  logitsOf,
  meanScore,
  postTrainedModel,
  quantizedClassifier,
  scoreLanguages,
  sortLanguages,
} from '@sdq/pipeline';
import {
  createPlan,
  dequantizeRows,
  FakeQuantizedOps,
  quantize,
  resolvePlan,
  SmoothedOps,
  sitesOf,
} from '@sdq/quantizers';
import { readSplit } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';

const [folder, taskName, data, devLimit = '100', batchCount = '4', plans = 'w8a8,w4a8,w2a8', methods] =
  process.argv.slice(2);
const METHODS = {
  'min-max': { observer: 'min-max' },
  'moving average': { observer: 'moving-average' },
  percentile: { observer: 'percentile' },
  mse: { observer: 'mse' },
  entropy: { observer: 'entropy' },
  dynamic: { dynamic: true },
  SmoothQuant: { smoothQuant: { alpha: 'search' } },
  'bias correction': { biasCorrection: true },
  GPTQ: { rounding: 'gptq' },
  AdaRound: { rounding: 'adaround', adaRound: { steps: 100 } },
};

await useSdqCpu();
tf.enableProdMode();
const { model, task, encode } = await loadFineTuned({ model: folder, task: taskName, data });
const { labels } = model.head;
const sets = devSets({ data, task, labels, devLimit: Number(devLimit), encode });
const dev = new Map([...sets].map(([language, set]) => [language, held(set)]));
const train = readSplit({ folder: data, task: task.name, language: 'en', split: 'train', labels })
  .slice(0, 2000)
  .flatMap(encode);
const batches = calibrationBatches(train, Number(batchCount), 0);
const languages = sortLanguages([...dev.keys()]);
const calibrated = calibratedModel(model);

function held(set) {
  const chunks = [...set.chunks()];
  return { ...set, chunks: () => chunks };
}

/** In integers where there are kernels for the scheme. */
function finished(result) {
  return quantizedClassifier(postTrainedModel(model, result));
}

/** In floats on the same grids, since inputs are divided as the model runs. */
function smoothed(plan, result) {
  const rounded = new Map([...result.weights].map(([name, rows]) => [name, dequantizeRows(rows)]));
  const parameters = new Map([...model.parameters, ...result.changed, ...rounded]);
  const resolved = resolvePlan(plan, sitesOf(model.parameters));
  const classify = (batch) => {
    const onGrids = { grids: new Map(result.grids), weightsAreQuantized: true };
    const quantized = new FakeQuantizedOps(new FloatOps(), resolved, onGrids);
    return logitsOf({ ...model, parameters }, new SmoothedOps(quantized, result.divisors), batch);
  };
  return { classify, dispose: () => tf.dispose([...rounded.values()]) };
}

const cell = (value) => (100 * value).toFixed(1);
const row = (name, scores, seconds) => {
  const zeroShot = languages.filter((language) => language !== 'en');
  const means = [meanScore(scores), meanScore(scores, zeroShot)].map((mean) => (100 * mean).toFixed(2));
  console.log(
    `| ${[name, ...languages.map((l) => cell(scores[l])), ...means, seconds.toFixed(0)].join(' | ')} |`,
  );
};

console.log(`| | ${languages.join(' | ')} | average | zero-shot | s |`);
console.log(`|---|${'---|'.repeat(languages.length + 3)}`);
const score = (classify) => scoreLanguages(classify, { task, labels, dev }, languages);
const started = performance.now();
row(
  'fp32',
  await score((batch) => logitsOf(model, new FloatOps(), batch)),
  (performance.now() - started) / 1000,
);

for (const preset of plans.split(',')) {
  for (const name of methods?.split(',') ?? Object.keys(METHODS)) {
    const { dynamic, ...options } = METHODS[name];
    const started = performance.now();
    const plan = createPlan(preset).map((rule) =>
      dynamic && rule.activationBits ? { ...rule, activationScheme: 'per-token' } : rule,
    );
    const result = await quantize(calibrated, batches, plan, options);
    const seconds = (performance.now() - started) / 1000;
    const { classify, dispose } = result.divisors.size > 0 ? smoothed(plan, result) : finished(result);
    row(`${preset.toUpperCase()} ${name}`, await score(classify), seconds);
    dispose();
    tf.dispose([...result.changed.values()]);
  }
}
disposeModel(model);
