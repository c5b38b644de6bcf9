// How long one text takes, a run's fp32 teacher and its student in turn, as Markdown: `node tooling/results/latency.mjs runs/methods/task-POS_seed-0_plan-w8a8 runs/methods/task-XNLI_seed-0_plan-w8a8`.
// The texts are the first English dev examples, tokenised before, one at a time.
import { join } from 'node:path';
import { readResults } from '@sdq/core/results';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { exampleEncoder } from '@sdq/pipeline';
import { markdownTable } from '@sdq/report';
import { loadClassifier, predictClasses } from '@sdq/serve';
import { readSplit } from '@sdq/xglue';
import { machine } from '../bench/machine.mjs';
import { inTurn, timed } from '../bench/pairs.mjs';

const TEXTS = 100;

await useSdqCpu();
const rows = [];
for (const folder of process.argv.slice(2)) {
  const { task, config } = readResults(folder);
  const load = (name) => loadClassifier(join(folder, name));
  const [teacher, student] = [await load('teacher'), await load('student')];
  const encode = exampleEncoder(student.tokenizer, student.head.labels, config.maxLength);
  const examples = readSplit({ folder: config.data, task, language: 'en', split: 'dev' })
    .slice(0, TEXTS)
    .flatMap(encode);
  const run =
    ({ classify }) =>
    () =>
      timed(async () => {
        for (const example of examples) await predictClasses(classify, [example]);
      });
  const { ours, theirs, ratio, spread } = await inTurn(run(student), run(teacher));
  const each = (milliseconds) => (milliseconds / examples.length).toFixed(2);
  const tokens = examples.reduce((sum, { ids }) => sum + ids.length, 0) / examples.length;
  const [low, high] = spread.map((value) => value.toFixed(2));
  rows.push([folder, tokens.toFixed(0), each(theirs), each(ours), `${ratio.toFixed(2)} (${low} to ${high})`]);
}
console.log(markdownTable([['', 'tokens a text', 'fp32 ms', 'student ms', 'times as fast'], ...rows]));
const { cpu, cores, path, threads, node } = machine();
console.log(
  `\nMedians of 7 pairs of ${TEXTS} texts each. ${cpu}, ${cores} cores, ${path}, ${threads} threads, Node ${node}.`,
);
