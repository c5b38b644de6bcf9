// What the last bit of a float does to a quantized model: `node tooling/numerics/last-bit.mjs STUDENT TASK XGLUE [DEV_LIMIT]` runs a
// student that labels words beside copies of itself in which some weights of LayerNorm are the next larger float.

import { useSdqCpu } from '@sdq/kernels-cpu';
import { loadQuantizedModel, loadTokenizer, packEncodings } from '@sdq/models';
import { defaultMaxLength, devSets, exampleEncoder, trainableTask } from '@sdq/pipeline';
import { quantizedClassifier } from '@sdq/serve';

const [folder, taskName, data, devLimit = '10'] = process.argv.slice(2);
await useSdqCpu();
const model = await loadQuantizedModel(folder);
const task = trainableTask(taskName);
const { labels } = model.head;
const encode = exampleEncoder(await loadTokenizer(folder), labels, defaultMaxLength(task.name));
const sets = devSets({ data, task, labels, devLimit: Number(devLimit), encode });

const FIRST = 'embeddings.LayerNorm.weight';
/** @type {[string, ReturnType<typeof quantizedClassifier>][]} */
const bumps = [
  ['one weight of the first LayerNorm', bumped((name, i) => name === FIRST && i === 0)],
  ['all of the first LayerNorm', bumped((name) => name === FIRST)],
  ['all of every LayerNorm', bumped((name) => name.endsWith('LayerNorm.weight'))],
];
const copies = bumps.map(([title, copy]) => ({ title, copy, different: 0, largest: 0, sum: 0 }));
const reference = quantizedClassifier(model);
let predictions = 0;
for (const set of sets.values()) {
  for (const { encoded } of set.chunks()) {
    for (const { ids, firstPiece } of encoded) {
      if (!firstPiece) throw new Error('Name a task of words.');
      const batch = packEncodings([{ ids, tokenTypes: new Int32Array(ids.length) }]);
      const rows = firstPiece.filter((row) => row >= 0);
      const own = logits(reference, batch);
      predictions += rows.length;
      for (const one of copies) compare(one, own, logits(one.copy, batch), rows);
    }
  }
}
console.log('next larger float | predictions | different | largest difference of logits | mean');
for (const { title, different, largest, sum } of copies) {
  const mean = sum / (predictions * labels.length);
  console.log([title, predictions, different, largest.toPrecision(2), mean.toPrecision(2)].join(' | '));
}

function bumped(matches) {
  const floats = new Map(model.floats);
  for (const [name, tensor] of floats) {
    const data = tensor.data.map((x, i) => (matches(name, i) ? nextFloat(x) : x));
    floats.set(name, { ...tensor, data });
  }
  return quantizedClassifier({ ...model, floats });
}

/** The float one step farther from zero. */
function nextFloat(x) {
  const bits = new Int32Array(Float32Array.of(x).buffer);
  bits[0] += 1;
  return new Float32Array(bits.buffer)[0];
}

function logits({ classify }, batch) {
  const found = classify(batch);
  const values = found.dataSync();
  found.dispose();
  return values;
}

function compare(one, own, other, rows) {
  const columns = labels.length;
  for (const row of rows) {
    const [a, b] = [own, other].map((all) => all.subarray(row * columns, (row + 1) * columns));
    if (a.indexOf(Math.max(...a)) !== b.indexOf(Math.max(...b))) one.different += 1;
    for (const [i, x] of a.entries()) {
      one.largest = Math.max(one.largest, Math.abs(x - b[i]));
      one.sum += Math.abs(x - b[i]);
    }
  }
}
