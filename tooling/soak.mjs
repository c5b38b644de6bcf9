// Trains a tiny model for thousands of steps through all that a run has (fine-tuning, calibration, SDQ with a teacher
// cache, checkpoints), and prints the count of tensors and the resident memory: both must stay flat.
// Usage: node tooling/soak.mjs [steps of each stage, 2000 unless given]
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const load = (name) => import(pathToFileURL(join(packages, name, 'dist/index.js')).href);
const requireOf = (name) => createRequire(join(packages, name, 'package.json'));
const { useSdqCpu } = await load('kernels-cpu');
const { resolveRunConfig, run } = await load('pipeline');
// The instance that the packages use.
const tf = requireOf('pipeline')('@tensorflow/tfjs');
const { createJiti } = requireOf('cli')('jiti');
const { writeTinyData, writeTinyModel } = await createJiti(import.meta.url).import(
  join(packages, 'pipeline/test/tiny-task.ts'),
);

const steps = Number(process.argv[2] ?? 2000);
const root = mkdtempSync(join(tmpdir(), 'sdq-soak-'));
await useSdqCpu();
await writeTinyModel(join(root, 'model'));
writeTinyData(join(root, 'xglue'));
const config = resolveRunConfig({
  task: 'NC',
  data: join(root, 'xglue'),
  model: join(root, 'model'),
  out: join(root, 'run'),
  methods: ['sdq'],
  calibrationBatches: 2,
  trainEmbeddings: true,
  trainLimit: 4,
  devLimit: 2,
  // Four sentences of some 25 tokens: two batches an epoch.
  finetune: { epochs: Math.ceil(steps / 2), tokensPerBatch: 24 },
  quantized: { epochs: Math.ceil(steps / 2), tokensPerBatch: 24, emaDecay: 0.99 },
  teacherCache: { bytes: 1e7 },
});

const every = Math.max(1, Math.floor(steps / 10));
console.log('stage    step  tensors  resident MB');
const reporter = {
  start() {},
  progress() {},
  stop() {},
  message() {},
  event({ event, stage, step }) {
    if (event !== 'step' || (step % every !== 0 && step !== 1)) return;
    globalThis.gc?.();
    const row = [step, tf.memory().numTensors, (process.memoryUsage().rss / 1e6).toFixed(1)];
    console.log(
      `${stage.padEnd(8)} ${String(row[0]).padStart(4)}  ${String(row[1]).padStart(7)}  ${row[2].padStart(11)}`,
    );
  },
};
try {
  await run(config, reporter, { backend: 'sdq-cpu', checkpointSteps: every });
} finally {
  rmSync(root, { recursive: true, force: true });
}
