// npm run bench -- [--only NAME] [--json]: side-by-side measurements; a ratio above 1 means that ours is faster.
import { parseArgs } from 'node:util';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { encoderBenchmarks } from './encoder-benchmarks.mjs';
import { kernelBenchmarks } from './kernel-benchmarks.mjs';
import { machine } from './machine.mjs';
import { tfjsNodeBenchmarks } from './tfjs-node-benchmarks.mjs';
import { trainingBenchmarks } from './training-benchmarks.mjs';

const { values: flags } = parseArgs({
  options: { only: { type: 'string', multiple: true }, json: { type: 'boolean' }, list: { type: 'boolean' } },
});
const all = [...kernelBenchmarks, ...encoderBenchmarks, ...trainingBenchmarks, ...tfjsNodeBenchmarks];
const chosen = all.filter(({ name }) => !flags.only || flags.only.some((part) => name.includes(part)));
if (flags.list || chosen.length === 0) {
  if (!flags.list) console.error(`No benchmark has "${flags.only?.join('", "')}" in its name; there are:`);
  for (const { name, title } of all) console.log(`${name}: ${title}`);
  process.exit(flags.list ? 0 : 2);
}
await useSdqCpu();
const found = machine();
const say = flags.json ? console.error : console.log;
say(
  `${found.cpu}, ${found.cores} cores, ${found.memoryGigabytes} GB; ${found.path}, ${found.threads} threads; Node ${found.node}`,
);
const results = [];
for (const { name, title, target, run } of chosen) {
  const { skipped, ours, theirs, ratio, spread, unit, against } = await run();
  if (skipped) {
    say(`${title}: skipped, ${skipped}`);
    results.push({ name, title, skipped, target });
    continue;
  }
  const [low, high] = spread.map((value) => value.toFixed(2));
  say(
    `${title}\n  ours ${number(ours)}, ${against} ${number(theirs)} ${unit}: ratio ${ratio.toFixed(2)} (quartiles ${low} to ${high}), ` +
      `target ${Number(target.toFixed(2))}: ${ratio >= target ? 'reached' : 'not reached'}`,
  );
  results.push({ name, title, ours, theirs, unit, ratio, spread, target, against });
}
if (flags.json) console.log(JSON.stringify(results.map((result) => ({ ...result, machine: found }))));

function number(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
