// The losses of a fine-tuning and of an SDQ stage on two backends, step by step:
// `node tooling/numerics/loss-parity.mjs --xglue data/xglue --teacher runs/pos/teacher --out runs/parity`. SDQ starts from the same
// teacher on both. A stage that is finished in the folder is not run again.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { quantile } from '../bench/pairs.mjs';

const { values: flags } = parseArgs({
  options: {
    xglue: { type: 'string', default: 'data/xglue' },
    teacher: { type: 'string' },
    out: { type: 'string', default: 'runs/parity' },
    task: { type: 'string', default: 'POS' },
    backends: { type: 'string', default: 'sdq-cpu,cuda' },
    steps: { type: 'string', default: '200' },
    // So many examples give just over 200 steps of 256 tokens on POS.
    'train-limit': { type: 'string', default: '1650' },
    'tokens-per-batch': { type: 'string', default: '256' },
  },
});
if (!flags.teacher) throw new Error('--teacher is needed: a model that is fine-tuned for the task, for SDQ.');
const cli = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const steps = Number(flags.steps);
const backends = flags.backends.split(',');
const STAGES = [
  { stage: 'teacher', options: ['--epochs', '1', '--methods', 'ptq'] },
  { stage: 'sdq', options: ['--quantized-epochs', '1', '--methods', 'sdq', '--teacher', flags.teacher] },
];

for (const { stage, options } of STAGES) {
  const [a, b] = backends.map((backend) => lossesOf(backend, stage, options));
  for (const part of Object.keys(a[0])) {
    const differences = a.slice(0, steps).map((losses, i) => b[i][part] - losses[part]);
    const figures = [50, 100, steps].map((count) => {
      const first = differences.slice(0, count).map(Math.abs);
      return `${count} steps: median ${quantile(first, 0.5).toExponential(1)}, largest ${Math.max(...first).toExponential(1)}`;
    });
    const mean = meanOf(differences);
    const error = Math.sqrt(meanOf(differences.map((difference) => (difference - mean) ** 2)) / (steps - 1));
    const about = `mean ${meanOf(a.map((losses) => losses[part])).toPrecision(3)}`;
    console.log(`${stage} ${part} (${about}), ${backends.join(' against ')}: ${figures.join('; ')}`);
    console.log(`  on the average ${mean.toExponential(1)} apart, standard error ${error.toExponential(1)}`);
  }
}

function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The losses by name of each of the first steps of a stage, which is run if that was not done yet. */
function lossesOf(backend, stage, options) {
  const out = join(flags.out, `${stage}-${backend}`);
  if (!existsSync(join(out, 'results.json'))) {
    const command = ['run', '--task', flags.task, '--xglue', flags.xglue, '--out', out, '--backend', backend];
    const limits = ['--train-limit', flags['train-limit'], '--tokens-per-batch', flags['tokens-per-batch']];
    const dev = ['--languages', 'en', '--dev-limit', '20', '--calibration-batches', '4', '--quiet'];
    const { status } = spawnSync(process.execPath, [cli, ...command, ...options, ...limits, ...dev], {
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`sdq run on ${backend} ended with ${status}.`);
  }
  const lines = readFileSync(join(out, 'events.jsonl'), 'utf8').trim().split('\n');
  const events = lines
    .map((line) => JSON.parse(line))
    .filter((line) => line.event === 'step' && line.stage === stage);
  if (events.length < steps) throw new Error(`${out} has ${events.length} steps: raise --train-limit.`);
  return events.slice(0, steps).map(({ loss, task, ...rest }) => ({
    loss,
    ...(task !== undefined && { task }),
    ...('logit-kl' in rest && { 'logit-kl': rest['logit-kl'], 'att-kld': rest['att-kld'] }),
  }));
}
