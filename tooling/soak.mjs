// Trains a tiny model for thousands of steps through all that a run has (fine-tuning, calibration, SDQ with a teacher
// cache, checkpoints), and prints the count of tensors and the resident memory: both must stay flat.
// Usage: node tooling/soak.mjs [steps of each stage, 2000 unless given]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const load = (name) => import(pathToFileURL(join(packages, name, 'dist/index.js')).href);
const { Random } = await load('core');
const { useSdqCpu } = await load('kernels-cpu');
const { encoderShapes, saveModel } = await load('models');
const { resolveRunConfig, run } = await load('pipeline');
// The instance that the packages use.
const tf = createRequire(join(packages, 'pipeline/package.json'))('@tensorflow/tfjs');

const WORDS = ['the', 'cow', 'wave', 'barn', 'boat', 'hay', 'salt', 'milk', 'fish'];
const TOPICS = ['farm', 'sea'];
const steps = Number(process.argv[2] ?? 2000);
const root = mkdtempSync(join(tmpdir(), 'sdq-soak-'));
await useSdqCpu();
await writeModel(join(root, 'model'));
writeData(join(root, 'xglue'));
const config = resolveRunConfig({
  task: 'NC',
  data: join(root, 'xglue'),
  model: join(root, 'model'),
  out: join(root, 'run'),
  methods: ['sdq'],
  calibrationBatches: 2,
  trainEmbeddings: true,
  // Two batches an epoch.
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

async function writeModel(folder) {
  const random = new Random(1);
  const config = {
    family: 'bert',
    hiddenSize: 48,
    layers: 2,
    heads: 4,
    intermediateSize: 96,
    vocabularySize: 64,
    positions: 32,
    tokenTypes: 2,
    layerNormEpsilon: 1e-12,
    hiddenDropout: 0.1,
    classifierDropout: 0.1,
    padId: 1,
  };
  const tensors = new Map();
  for (const [name, shape] of encoderShapes(config)) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) {
      data[i] = name.endsWith('LayerNorm.weight') ? 1 : shape.length === 1 ? 0 : 0.2 * random.normal();
    }
    tensors.set(name, { shape, data });
  }
  await saveModel(folder, { config, head: undefined, tensors, tokenizerFrom: undefined });
  const special = ['<s>', '<pad>', '</s>', '<unk>'];
  const added = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const piece = (id) => ({ SpecialToken: { id, type_id: 0 } });
  const text = { Sequence: { id: 'A', type_id: 0 } };
  const tokens = {
    '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
    '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
  };
  const tokenizer = {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [piece('<s>'), text, piece('</s>')],
      pair: [piece('<s>'), text, piece('</s>'), { Sequence: { id: 'B', type_id: 0 } }, piece('</s>')],
      special_tokens: tokens,
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: {
      type: 'Unigram',
      unk_id: 3,
      vocab: [...special, '▁', ...WORDS.map((word) => `▁${word}`)].map((word, id) => [word, id < 4 ? 0 : -1]),
    },
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
}

function writeData(folder) {
  mkdirSync(join(folder, 'NC'), { recursive: true });
  const lines = (count) => WORDS.slice(0, count).map((word, i) => `the\t${word} ${word}\t${TOPICS[i % 2]}\n`);
  writeFileSync(join(folder, 'NC/xglue.nc.en.train'), lines(8).join(''));
  writeFileSync(join(folder, 'NC/xglue.nc.en.dev'), lines(2).join(''));
}
