// The score of each post-training recipe in each language, as Markdown:
// `node tooling/results/ptq-table.mjs MODEL TASK XGLUE [DEV_LIMIT] [CALIBRATION_BATCHES] [PLANS] [RECIPES]`, MODEL a fine-tuned fp32
// folder, plans and recipes with commas between them, all unless given.

import { meanScore, sortLanguages } from '@sdq/core/results';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { disposeModel, FloatOps, logitsOf } from '@sdq/models';
import {
  calibratedModel,
  calibrationBatches,
  devSets,
  loadFineTuned,
  parsePtqRecipe,
  planForRecipe,
  postTrainedClassifier,
  postTrainingOptions,
  scoreLanguages,
} from '@sdq/pipeline';
import { createPlan, quantize, resolvePlan, sitesOf } from '@sdq/quantizers';
import { readSplit } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';

const RECIPES =
  'min-max,moving-average,percentile,mse,entropy,dynamic,smoothquant,bias-correction,gptq,adaround';
// A third of the default, for the time that it takes.
const adaRound = { steps: 100 };
const [
  folder,
  taskName,
  data,
  devLimit = '100',
  batchCount = '4',
  plans = 'w8a8,w4a8,w2a8',
  recipes = RECIPES,
] = process.argv.slice(2);

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
  for (const name of recipes.split(',')) {
    const started = performance.now();
    const recipe = parsePtqRecipe(name);
    const plan = planForRecipe(createPlan(preset), recipe);
    const result = await quantize(calibrated, batches, plan, { ...postTrainingOptions(recipe), adaRound });
    const seconds = (performance.now() - started) / 1000;
    const resolved = resolvePlan(plan, sitesOf(model.parameters), calibrated.roleOf);
    const { classify, dispose } = postTrainedClassifier(model, resolved, result);
    row(`${preset.toUpperCase()} ${name}`, await score(classify), seconds);
    dispose();
  }
}
disposeModel(model);
