// A run's student in integers against itself in floats on the same grids, and against its fp32 teacher: predictions that
// differ, and the speed of the forward pass, in alternating turns.
// node bench/integer-model.mjs RUN_FOLDER TASK XGLUE_FOLDER [examples a language] [turns]
import { join } from 'node:path';
import { sdqCpuInfo, useSdqCpu } from '@sdq/kernels-cpu';
import { groupByTokens, loadQuantizedModel, loadTokenizer, packBatch } from '@sdq/models';
import { devSets, exampleEncoder, trainableTask } from '@sdq/pipeline';
import { fakeQuantizedClassifier, loadClassifier, quantizedClassifier } from '@sdq/serve';
import * as tf from '@tensorflow/tfjs';

const [folder, name, data, devLimit = 20, turns = 9] = process.argv.slice(2);
tf.enableProdMode();
await useSdqCpu();
const student = join(folder, 'student');
const quantized = await loadQuantizedModel(student);
const tokenizer = await loadTokenizer(student);
const task = trainableTask(name);
const { labels } = quantized.head;
const encode = exampleEncoder(tokenizer, labels, 256);
const sets = devSets({ data, task, labels, devLimit: Number(devLimit), encode });
const examples = [...sets.values()].flatMap((set) => [...set.chunks()].flatMap(({ encoded }) => encoded));
const lengths = examples.map(({ ids }) => ids.length);
const batches = groupByTokens(lengths, 2048).map((group) => packBatch(examples, group));
const tokens = lengths.reduce((sum, length) => sum + length, 0);

const classifiers = {
  integer: quantizedClassifier(quantized).classify,
  fake: fakeQuantizedClassifier(quantized).classify,
  fp32: (await loadClassifier(join(folder, 'teacher'))).classify,
};
const logits = (classify, batch) => tf.tidy(() => classify(batch).arraySync());
const best = (values) => values.indexOf(Math.max(...values));

const correct = { integer: 0, fake: 0, fp32: 0 };
const errors = [];
const gaps = [];
for (const batch of batches) {
  const { integer, fake, fp32 } = mapValues(classifiers, (classify) => logits(classify, batch));
  batch.labels.forEach((label, row) => {
    // Only the first piece of a word has a label.
    if (label < 0) return;
    errors.push(Math.max(...integer[row].map((value, at) => Math.abs(value - fake[row][at]))));
    const found = mapValues({ integer, fake, fp32 }, (rows) => best(rows[row]));
    for (const kind of Object.keys(correct)) correct[kind] += Number(found[kind] === label);
    if (found.integer !== found.fake) gaps.push(fake[row][found.fake] - fake[row][found.integer]);
  });
}
console.log(`${examples.length} examples, ${tokens} tokens, ${errors.length} predictions`, sdqCpuInfo());
console.log(`correct: ${Object.entries(correct).map(([kind, count]) => `${kind} ${count}`)}`);
console.log(
  `logits differ by ${median(errors).toFixed(4)} (median), ${Math.max(...errors).toFixed(4)} at most`,
);
console.log(
  `predictions that differ: ${gaps.length}, which floats tell apart by ${gaps.map((gap) => gap.toFixed(2))}`,
);

// The time of all cores together says more than the clock where others use them too.
const times = mapValues(classifiers, () => []);
for (let turn = 0; turn < Number(turns); turn++) {
  for (const [kind, classify] of Object.entries(classifiers)) {
    const [cores, clock] = [process.cpuUsage(), performance.now()];
    for (const batch of batches) tf.tidy(() => classify(batch).dataSync());
    const { user, system } = process.cpuUsage(cores);
    times[kind].push({ cores: (user + system) / 1000, clock: performance.now() - clock });
  }
}
for (const measure of ['cores', 'clock']) {
  const lists = mapValues(times, (list) => list.map((time) => time[measure]));
  const least = mapValues(lists, (list) => Math.min(...list));
  for (const [kind, list] of Object.entries(lists)) {
    const figures = `${least[kind].toFixed(0)} ms at least, ${median(list).toFixed(0)} median`;
    console.log(`${measure}, ${kind}: ${figures}; ${(least.fp32 / least[kind]).toFixed(2)} times fp32`);
  }
}

function mapValues(object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}

function median(list) {
  return [...list].sort((a, b) => a - b)[list.length >> 1];
}
