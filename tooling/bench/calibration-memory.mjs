// The memory that post-training quantization takes, the model included, for each observer (Linux):
// `node tooling/bench/calibration-memory.mjs MODEL TASK XGLUE [SEQUENCES]`, MODEL a fine-tuned fp32 folder.
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { peakMemory } from './peak-memory.mjs';

const OBSERVERS = ['min-max', 'moving-average', 'percentile', 'mse', 'entropy'];
const [model, task, data, sequences = '512', observer] = process.argv.slice(2);

if (observer === undefined) {
  console.log(
    '| observer | model | program | with model, tokenizer and texts | peak | model and what is added, in models | s |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const name of OBSERVERS) await measured(name);
} else await calibrate();

/** Each in a process of its own, whose peak is this observer's alone. */
function measured(name) {
  const child = fork(fileURLToPath(import.meta.url), [model, task, data, sequences, name]);
  return new Promise((resolve, reject) => {
    child.on('message', (/** @type {any} */ { bytes, program, loaded, peak, seconds }) => {
      const megabytes = (count) => `${(count / 1e6).toFixed(0)} MB`;
      const share = ((bytes + peak - loaded) / bytes).toFixed(2);
      console.log(
        `| ${name} | ${megabytes(bytes)} | ${megabytes(program)} | ${megabytes(loaded)} | ${megabytes(peak)} | ${share} | ${seconds.toFixed(0)} |`,
      );
    });
    child.on('exit', (code) =>
      code === 0 ? resolve(undefined) : reject(new Error(`calibration ended with ${code}`)),
    );
  });
}

async function calibrate() {
  const { useSdqCpu } = await import('@sdq/kernels-cpu');
  const { disposeModel } = await import('@sdq/models');
  const { calibratedModel, calibrationBatches, loadFineTuned } = await import('@sdq/pipeline');
  const { createPlan, quantize } = await import('@sdq/quantizers');
  const { readSplit } = await import('@sdq/xglue');
  const tf = await import('@tensorflow/tfjs');
  await useSdqCpu();
  tf.enableProdMode();
  const program = process.memoryUsage().rss;
  const { model: float, task: exercise, encode } = await loadFineTuned({ model, task, data });
  const { labels } = float.head;
  const bytes = [...float.parameters.values()].reduce((sum, { size }) => sum + 4 * size, 0);
  const examples = readSplit({ folder: data, task: exercise.name, language: 'en', split: 'train', labels })
    .slice(0, Number(sequences))
    .flatMap(encode);
  const batches = calibrationBatches(examples, Number.POSITIVE_INFINITY, 0);
  const loaded = process.memoryUsage().rss;
  // Loading has a peak of its own, which this makes the kernel forget.
  writeFileSync('/proc/self/clear_refs', '5');
  const started = performance.now();
  await quantize(calibratedModel(float), batches, createPlan('w8a8'), {
    observer: /** @type {import('@sdq/quantizers').ObserverName} */ (observer),
  });
  process.send?.({
    bytes,
    program,
    loaded,
    peak: peakMemory(),
    seconds: (performance.now() - started) / 1000,
  });
  disposeModel(float);
}
