// Trains a tiny model for thousands of steps through all that a run has (fine-tuning, calibration, SDQ with a teacher
// cache, checkpoints), and prints the count of tensors and the resident memory: both must stay flat.
// Usage: node tooling/bench/soak.mjs [steps of each stage, 2000 unless given] [--backend sdq-cpu|cuda] [--method sdq|qat|...]
// [--texts 4] [--tokens 24 of a batch] [--words 28 of the longest text]: with more of these more batches have lengths of
// their own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const packages = fileURLToPath(new URL('../../packages', import.meta.url));
const load = (name) => import(pathToFileURL(join(packages, name, 'dist/index.js')).href);
const requireOf = (name) => createRequire(join(packages, name, 'package.json'));
const { resolveRunConfig, run } = await load('pipeline');
// The instance that the packages use.
const tf = requireOf('pipeline')('@tensorflow/tfjs');
const { createJiti } = requireOf('cli')('jiti');
const { writeTinyData, writeTinyModel } = await createJiti(import.meta.url).import(
  join(packages, 'pipeline/test/tiny-task.ts'),
);

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'sdq-cpu' },
    method: { type: 'string', default: 'sdq' },
    texts: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '24' },
    words: { type: 'string' },
  },
});
/** Of a text, about. */
const TOKENS = 12;
const steps = Number(positionals[0] ?? 2000);
const [trainLimit, tokensPerBatch] = [Number(flags.texts), Number(flags.tokens)];
const { backend } = flags;
if (backend === 'cuda') await (await load('kernels-cuda')).useCuda();
else await (await load('kernels-cpu')).useSdqCpu();
const root = mkdtempSync(join(tmpdir(), 'sdq-soak-'));
const epochs = Math.ceil(steps / Math.ceil((TOKENS * trainLimit) / tokensPerBatch));
await writeTinyModel(join(root, 'model'));
writeTinyData(join(root, 'xglue'));
if (flags.words) lengthen(join(root, 'xglue/NC/xglue.nc.en.train'), Number(flags.words));
const config = resolveRunConfig({
  task: 'NC',
  data: join(root, 'xglue'),
  model: join(root, 'model'),
  out: join(root, 'run'),
  methods: [flags.method],
  calibrationBatches: 2,
  trainEmbeddings: true,
  trainLimit,
  devLimit: 2,
  finetune: { epochs, tokensPerBatch },
  quantized: { epochs, tokensPerBatch, emaDecay: 0.99 },
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
  await run(config, reporter, { backend, checkpointSteps: every });
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** Repeats the words of each text until it has one to `most`, most texts few. */
function lengthen(file, most) {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const longer = lines.map((line, i) => {
    const [title, text, topic] = line.split('\t');
    const words = text.split(' ');
    const count = Math.round(most ** (((i * 7) % 32) / 31));
    return `${title}\t${Array.from({ length: count }, (_, k) => words[k % words.length]).join(' ')}\t${topic}\n`;
  });
  writeFileSync(file, longer.join(''));
}
