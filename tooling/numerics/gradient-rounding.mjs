// How far the gradients of weights move when the gradient of each linear's output is rounded, in one backward pass:
// `node tooling/numerics/gradient-rounding.mjs MODEL TASK XGLUE`, MODEL a fine-tuned fp32 folder.
import { Random } from '@sdq/core';
import { softmaxCrossEntropy } from '@sdq/kernels';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { FloatOps, logitsOf } from '@sdq/models';
import { calibrationBatches, loadFineTuned } from '@sdq/pipeline';
import { readSplit } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';

const [folder, taskName, data] = process.argv.slice(2);
await useSdqCpu();
const { model, task, encode } = await loadFineTuned({ model: folder, task: taskName, data });
const { labels } = model.head;
const examples = readSplit({ folder: data, task: task.name, language: 'en', split: 'train', labels })
  .slice(0, 500)
  .flatMap(encode);
const [batch] = calibrationBatches(examples, 1, 0);
const random = new Random(0);

/** Rounds by chance, so that the mean stays, to whole steps of a scale for each row or for all. */
function stochasticInt8(values, width) {
  const rounded = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;
    row.forEach((value, i) => {
      rounded[start + i] = Math.floor(value / scale + random.uniform()) * scale;
    });
  }
  return rounded;
}

/** To 8 significant bits, the nearest. */
function bfloat16(values) {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  for (let i = 0; i < bits.length; i++) {
    bits[i] = (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) & 0xffff0000;
  }
  return new Float32Array(bits.buffer);
}

const ROUNDINGS = {
  bfloat16: bfloat16,
  'int8, a scale a token': (values, width) => stochasticInt8(values, width),
  'int8, one scale': (values) => stochasticInt8(values, values.length),
};
/** @type {Record<string, number[]>} */
const errors = Object.fromEntries(Object.keys(ROUNDINGS).map((name) => [name, []]));

/** The error of dy^T x, relative to its norm, for each rounding of dy. */
function compare(dy, x) {
  const values = dy.dataSync();
  const product = (rounded) => tf.matMul(tf.tensor(rounded, dy.shape), x, true);
  const exact = product(values);
  for (const [name, round] of Object.entries(ROUNDINGS)) {
    const moved = product(round(values, dy.shape[1])).sub(exact);
    errors[name].push(moved.norm().div(exact.norm()).dataSync()[0]);
  }
}

class ComparingOps extends FloatOps {
  /** @override */
  linear(site, x, weight, bias) {
    const listened = tf.customGrad((...given) => {
      const [y, save] = /** @type {[tf.Tensor, tf.GradSaveFunc]} */ (given);
      save([x]);
      return {
        value: y.clone(),
        gradFunc: (/** @type {tf.Tensor} */ dy, /** @type {tf.Tensor[]} */ [input]) => {
          tf.tidy(() => compare(dy, input));
          return dy.clone();
        },
      };
    });
    return listened(super.linear(site, x, weight, bias));
  }
}

const variables = [...model.parameters].filter(([name]) => /encoder\.layer\.0\..*query\.weight$/.test(name));
const parameters = new Map(model.parameters);
for (const [name, t] of variables) parameters.set(name, tf.variable(t));
tf.tidy(() =>
  tf.variableGrads(() =>
    softmaxCrossEntropy(logitsOf({ ...model, parameters }, new ComparingOps(), batch), batch.labels),
  ),
);
const percent = (share) => `${(100 * share).toPrecision(2)} %`;
console.log(`${errors.bfloat16.length} linear layers, ${batch.ids.length} tokens\n`);
console.log('| rounding of the gradient | median error | largest |\n|---|---|---|');
for (const [name, found] of Object.entries(errors)) {
  const sorted = found.toSorted((a, b) => a - b);
  console.log(`| ${name} | ${percent(sorted[sorted.length >> 1])} | ${percent(sorted.at(-1))} |`);
}
