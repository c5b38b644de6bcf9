// The error that 4 bits make in the outputs of every linear, rounded to nearest and by GPTQ, as Markdown:
// `node tooling/results/gptq-table.mjs MODEL WORDS [SENTENCES]`, MODEL a fine-tuned fp32 folder, WORDS a file of POS or NER.
// Half of the sentences calibrate, the other half measure.
import { readFileSync } from 'node:fs';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { FloatOps, forward, loadCheckpoint, loadTokenizer, packEncodings } from '@sdq/models';
import { dequantizeRows, Gram, gptq, ListeningOps, outputError, weightQuantizer } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

const [folder, file, sentences = '64'] = process.argv.slice(2);
/** @type {import('@sdq/core').Granularity[]} */
const GRANULARITIES = ['channel', { group: 128 }];
await useSdqCpu();
const { config, head: found, tensors } = await loadCheckpoint(folder);
if (!found) throw new Error(`${folder} has no head: name a fine-tuned model.`);
const head = found;
const tokenizer = await loadTokenizer(folder);
const parameters = new Map([...tensors].map(([name, t]) => [name, tf.tensor(t.data, [...t.shape])]));
const texts = readFileSync(file, 'utf8')
  .split('\n\n')
  .slice(0, Number(sentences))
  .map((lines) => lines.split('\n').map((line) => line.slice(0, line.lastIndexOf(' '))));
const encodings = texts.map((words) => tokenizer.encodeTyped(words.join(' '), undefined, 256));
const calibrationBatch = packEncodings(encodings.filter((_, i) => i % 2 === 0));
const heldBatch = packEncodings(encodings.filter((_, i) => i % 2 === 1));

function gramsOf(batch) {
  const grams = new Map();
  const ops = new ListeningOps(new FloatOps(), (site, x) => {
    if (!grams.has(site)) grams.set(site, new Gram(Number(x.shape[1])));
    grams.get(site).add(x, site);
  });
  tf.tidy(() => void forward(ops, config, parameters, batch, head));
  return grams;
}

const begun = performance.now();
const calibration = gramsOf(calibrationBatch);
const held = gramsOf(heldBatch);
const tokens = calibrationBatch.ids.length + heldBatch.ids.length;
console.error(`${tokens} tokens through the model in ${((performance.now() - begun) / 1000).toFixed(1)} s.`);
console.log('| linear | nearest, channel | GPTQ | share | nearest, groups of 128 | GPTQ | share | s |');
console.log('|---|---|---|---|---|---|---|---|');
let worse = 0;
let compared = 0;
let slowest = 0;
/** @type {number[][]} */
const shares = [[], []];
for (const [site, gram] of calibration) {
  const weight = parameters.get(`${site}.weight`);
  if (!weight) throw new Error(`The checkpoint has no ${site}.weight.`);
  const floats = weight.dataSync();
  const started = performance.now();
  const cells = GRANULARITIES.flatMap((granularity, i) => {
    const quantizer = weightQuantizer(4, granularity);
    const [nearest, found] = [quantizer.quantize(weight), gptq(weight, gram, quantizer)].map((rows) =>
      outputError(floats, dequantizeRows(rows).dataSync(), held.get(site)),
    );
    compared += 1;
    if (found >= nearest) worse += 1;
    shares[i].push(found / nearest);
    return [nearest.toPrecision(3), found.toPrecision(3), (found / nearest).toFixed(2)];
  });
  const seconds = (performance.now() - started) / 1000;
  slowest = Math.max(slowest, seconds);
  console.log(`| ${[site, ...cells, seconds.toFixed(1)].join(' | ')} |`);
}
const mean = (values) => (values.reduce((a, b) => a + b, 0) / values.length).toFixed(2);
console.log(
  `\nGPTQ is not below nearest in ${worse} of ${compared} comparisons; its error is ${mean(shares[0])} of`,
);
console.log(
  `nearest's per channel and ${mean(shares[1])} in groups, on average. The slowest linear took ${slowest.toFixed(1)} s.`,
);
