// The int8 encoder against onnxruntime-node on graphs of the same weights.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedDefaultCheckpoint, loadTokenizer } from '@sdq/models';
import { OnnxSession, writeOnnx } from '@sdq/onnx';
import {
  devSets,
  exampleEncoder,
  quantizedClassifier,
  quantizeModel,
  syntheticModel,
  trainableTask,
} from '@sdq/pipeline';
import { taskLabels } from '@sdq/xglue';
import { threads } from './machine.mjs';
import { inTurn, timed } from './pairs.mjs';
import { findPython } from './pytorch-peer.mjs';

const XGLUE = new URL('../../../shared/data/xglue', import.meta.url).pathname;
const SQUARE = [Array.from({ length: 16 }, () => 128)];
/** One after the other, as a service would get them: a lone one measures how fast threads wake up. */
const SINGLE = Array.from({ length: 50 }, () => [32]);

/** Runs ours and one form of theirs in turn on batches of the given lengths; the times are divided by `parts`. */
async function againstOnnxruntime({ hidden, form, batches, parts = 1 }) {
  const lengths = typeof batches === 'function' ? await batches() : { lengths: batches };
  if (lengths.skipped) return lengths;
  const folder = mkdtempSync(join(tmpdir(), 'sdq-bench-'));
  const synthetic = syntheticModel({ hidden, mode: 'qat', lengths: lengths.lengths[0] });
  try {
    const { config, head, parameters } = synthetic.model;
    const quantized = quantizeModel(synthetic.model, synthetic.plan, synthetic.grids);
    const file = join(folder, 'model.onnx');
    if (form === 'qdq') await writeOnnx(file, quantized, { form: 'qdq', weightType: 'int8' });
    else {
      const tensors = new Map(
        [...parameters].map(([name, x]) => [name, { shape: x.shape, data: x.dataSync() }]),
      );
      await writeOnnx(file, { config, head, tensors });
    }
    const measured = form === 'dynamic' ? join(folder, 'dynamic.onnx') : file;
    if (form === 'dynamic') {
      const reason = quantizeDynamically(file, measured);
      if (reason) return { skipped: reason };
    }
    const session = await OnnxSession.openFile(measured, config, head, threads());
    const ours = quantizedClassifier(quantized);
    const work = lengths.lengths.map((batch) => randomBatch(batch, config.vocabularySize));
    const result = await inTurn(
      () =>
        timed(() => {
          for (const batch of work) {
            const logits = ours.classify(batch);
            logits.dataSync();
            logits.dispose();
          }
        }),
      () =>
        timed(async () => {
          for (const batch of work) await session.logits(batch);
        }),
    );
    ours.dispose();
    result.ours /= parts;
    result.theirs /= parts;
    return { ...result, unit: 'ms', against: `onnxruntime-node, ${form}` };
  } finally {
    synthetic.dispose();
    rmSync(folder, { recursive: true });
  }
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
  return { offsets, ids: Int32Array.from({ length: offsets.at(-1) }, (_, i) => (i * 7919) % vocabulary) };
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

const forms = [
  { form: 'fp32', title: 'fp32' },
  { form: 'dynamic', title: 'dynamic int8' },
  { form: 'qdq', title: 'static QDQ int8' },
];

const square = [384, 768].flatMap((hidden) =>
  forms.map(({ form, title }) => ({
    name: `encoder-${hidden}-vs-${form}`,
    title: `int8 encoder, H=${hidden}, 16 x 128, against onnxruntime ${title}`,
    target: form === 'fp32' ? 5 : 2,
    run: () => againstOnnxruntime({ hidden, form, batches: SQUARE }),
  })),
);

export const encoderBenchmarks = [
  ...square,
  ...[384, 768].map((hidden) => ({
    name: `encoder-${hidden}-single-vs-dynamic`,
    title: `int8 encoder, H=${hidden}, 1 x 32, one after the other, against onnxruntime dynamic int8`,
    target: 1.5,
    run: () => againstOnnxruntime({ hidden, form: 'dynamic', batches: SINGLE, parts: SINGLE.length }),
  })),
  {
    name: 'encoder-384-text-vs-dynamic',
    title:
      'int8 encoder, H=384, POS dev in 18 languages, 16 sentences a batch, against onnxruntime dynamic int8',
    target: 3,
    run: () => againstOnnxruntime({ hidden: 384, form: 'dynamic', batches: realText }),
  },
];
