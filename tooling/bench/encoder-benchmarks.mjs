// The encoder in process, in int8 and in fp32, and as it is exported, against onnxruntime-node on graphs of the same weights.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedDefaultCheckpoint, FloatOps, forward, loadTokenizer } from '@sdq/models';
import { OnnxSession, writeOnnx } from '@sdq/onnx';
import { devSets, exampleEncoder, quantizeModel, syntheticModel, trainableTask } from '@sdq/pipeline';
import { quantizedClassifier } from '@sdq/serve';
import { taskLabels } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';
import { threads } from './machine.mjs';
import { inTurn, timed } from './pairs.mjs';
import { findPython } from './pytorch-peer.mjs';

const XGLUE = new URL('../../../shared/data/xglue', import.meta.url).pathname;
const SQUARE = [Array.from({ length: 16 }, () => 128)];
/** One after the other, as a service would get them: a lone one measures how fast threads wake up. */
const SINGLE = Array.from({ length: 50 }, () => [32]);

/**
 * Runs two of the {@link sides} in turn on batches of the given lengths; the times are divided by `parts`.
 */
async function compare({ hidden, ours = 'integers', theirs, batches, parts = 1 }) {
  const lengths = typeof batches === 'function' ? await batches() : { lengths: batches };
  if (lengths.skipped) return lengths;
  const folder = mkdtempSync(join(tmpdir(), 'sdq-bench-'));
  const synthetic = syntheticModel({ hidden, mode: 'qat', lengths: lengths.lengths[0] });
  const opened = [];
  try {
    for (const side of [ours, theirs]) {
      const one = await sides[side].open(synthetic, join(folder, `${side}.onnx`));
      if (one.skipped) return one;
      opened.push(one);
    }
    const work = lengths.lengths.map((batch) => randomBatch(batch, synthetic.model.config.vocabularySize));
    const result = await inTurn(
      ...opened.map(
        ({ classify }) =>
          () =>
            timed(async () => {
              for (const batch of work) await classify(batch);
            }),
      ),
    );
    result.ours /= parts;
    result.theirs /= parts;
    return { ...result, unit: 'ms', against: `onnxruntime-node, ${sides[theirs].title}` };
  } finally {
    for (const { close } of opened) await close();
    synthetic.dispose();
    rmSync(folder, { recursive: true });
  }
}

/** The ways to run one model: in process, or written to a file for onnxruntime. */
const sides = {
  integers: {
    title: 'in process',
    open: async (synthetic) => {
      const { classify, dispose } = quantizedClassifier(quantized(synthetic));
      return inProcess(classify, dispose);
    },
  },
  floats: {
    title: 'fp32 in process',
    open: async ({ model: { config, head, parameters } }) =>
      inProcess((batch) => tf.tidy(() => forward(new FloatOps(), config, parameters, batch, head).logits)),
  },
  fp32: {
    title: 'fp32',
    open: async (synthetic, file) => {
      await writeFloats(file, synthetic.model);
      return openSession(file, synthetic.model);
    },
  },
  dynamic: {
    title: 'dynamic int8',
    open: async (synthetic, file) => {
      const floats = `${file}.fp32`;
      await writeFloats(floats, synthetic.model);
      const reason = quantizeDynamically(floats, file);
      return reason ? { skipped: reason } : openSession(file, synthetic.model);
    },
  },
  qdq: written('static QDQ int8', { form: 'qdq', weightType: 'int8' }),
  'export-cpu': written('as sdq export --target cpu writes it', { form: 'qoperator' }),
  'export-web': written('as sdq export --target web writes it', { form: 'qdq' }),
};

/** A side that gives tensors: it ends when their values are there. */
function inProcess(logitsOf, close = () => {}) {
  return {
    classify: (batch) => {
      const logits = logitsOf(batch);
      logits.dataSync();
      logits.dispose();
    },
    close,
  };
}

function written(title, options) {
  return {
    title,
    open: async (synthetic, file) => {
      await writeOnnx(file, quantized(synthetic), options);
      return openSession(file, synthetic.model);
    },
  };
}

function quantized({ model, plan, grids }) {
  return quantizeModel(model, plan, grids);
}

async function writeFloats(file, { config, head, parameters }) {
  const tensors = new Map([...parameters].map(([name, x]) => [name, { shape: x.shape, data: x.dataSync() }]));
  await writeOnnx(file, { config, head, tensors });
}

async function openSession(file, { config, head }) {
  const session = await OnnxSession.openFile(file, config, head, threads());
  return { classify: (batch) => session.logits(batch), close: () => session.close() };
}

/** onnxruntime's own dynamic quantization of a float graph; the reason where it cannot run. */
function quantizeDynamically(from, to) {
  const { python, reason } = findPython('onnxruntime.quantization');
  if (!python) return reason;
  const script =
    'import sys; from onnxruntime.quantization import quantize_dynamic, QuantType; ' +
    'quantize_dynamic(sys.argv[1], sys.argv[2], weight_type=QuantType.QInt8, per_channel=True)';
  const { status, stderr } = spawnSync(python, ['-W', 'ignore', '-c', script, from, to], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `quantize_dynamic failed: ${stderr.trim().split('\n').at(-1)}`;
}

function randomBatch(lengths, vocabulary) {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, i) => {
    offsets[i + 1] = offsets[i] + length;
  });
  // A fixed walk over the vocabulary: speed does not depend on the ids.
  return {
    offsets,
    ids: Int32Array.from({ length: offsets[lengths.length] }, (_, i) => (i * 7919) % vocabulary),
  };
}

/** The lengths of POS dev sentences in all languages, 16 a batch in the order of the files. */
async function realText() {
  const checkpoint = cachedDefaultCheckpoint();
  if (!existsSync(join(XGLUE, 'POS')))
    return { skipped: 'there is no ../shared/data/xglue/POS beside the repository' };
  if (!checkpoint)
    return { skipped: 'the default checkpoint is not fetched yet: run npm run quickstart first' };
  const tokenizer = await loadTokenizer(checkpoint);
  const task = trainableTask('POS');
  const labels = taskLabels(XGLUE, 'POS');
  const encode = exampleEncoder(tokenizer, labels, 128);
  const sets = devSets({ data: XGLUE, task, labels, devLimit: 16, encode });
  const lengths = [...sets.values()].map((set) =>
    [...set.chunks()].flatMap(({ encoded }) => encoded.map(({ ids }) => ids.length)),
  );
  return { lengths };
}

const peers = ['fp32', 'dynamic', 'qdq'];

const square = [384, 768].flatMap((hidden) =>
  peers.map((theirs) => ({
    name: `encoder-${hidden}-vs-${theirs}`,
    title: `int8 encoder, H=${hidden}, 16 x 128, against onnxruntime ${sides[theirs].title}`,
    target: theirs === 'fp32' ? 5 : 2,
    run: () => compare({ hidden, theirs, batches: SQUARE }),
  })),
);

const sizes = [
  { what: '1 x 32', batches: SINGLE, parts: SINGLE.length, name: 'single' },
  { what: '16 x 128', batches: SQUARE, name: 'square' },
];

/** What an export gains over the fp32 export of the same model, and running in process over the export. */
const exported = sizes.flatMap(({ what, name, ...work }) => [
  ...['export-cpu', 'export-web'].map((ours) => ({
    name: `${ours}-${name}-vs-fp32`,
    title: `int8 encoder under onnxruntime ${sides[ours].title}, H=384, ${what}, against its fp32 export`,
    target: 1,
    run: () => compare({ hidden: 384, ours, theirs: 'fp32', ...work }),
  })),
  ...['export-cpu', 'export-web'].map((theirs) => ({
    name: `${theirs}-${name}-vs-integers`,
    title: `int8 encoder in process, H=384, ${what}, against onnxruntime ${sides[theirs].title}`,
    target: 2,
    run: () => compare({ hidden: 384, theirs, ...work }),
  })),
]);

export const encoderBenchmarks = [
  ...square,
  ...exported,
  ...[384, 768].map((hidden) => ({
    name: `encoder-${hidden}-single-vs-dynamic`,
    title: `int8 encoder, H=${hidden}, 1 x 32, one after the other, against onnxruntime dynamic int8`,
    target: 1.5,
    run: () => compare({ hidden, theirs: 'dynamic', batches: SINGLE, parts: SINGLE.length }),
  })),
  ...sizes.flatMap(({ what, name, ...work }) =>
    [384, 768].map((hidden) => ({
      name: `floats-${hidden}-${name}-vs-fp32`,
      title: `fp32 encoder, H=${hidden}, ${what}, against onnxruntime fp32`,
      target: 1,
      run: () => compare({ hidden, ours: 'floats', theirs: 'fp32', ...work }),
    })),
  ),
  {
    name: 'encoder-384-text-vs-dynamic',
    title:
      'int8 encoder, H=384, POS dev in 18 languages, 16 sentences a batch, against onnxruntime dynamic int8',
    target: 3,
    run: () => compare({ hidden: 384, theirs: 'dynamic', batches: realText }),
  },
];
