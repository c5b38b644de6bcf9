// Training steps against PyTorch's.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { syntheticModel } from '@sdq/pipeline';
import { threads } from './machine.mjs';
import { inTurn, timed } from './pairs.mjs';
import { findPython, startPeer } from './pytorch-peer.mjs';

const SQUARE = Array.from({ length: 16 }, () => 128);

/** Sequence lengths as real sentences have them (the first 16 of a shuffled treebank): most short, a few long. */
const MIXED = [9, 14, 31, 22, 5, 47, 18, 26, 12, 64, 8, 37, 19, 28, 11, 88];

async function againstPyTorch({ hidden, ours, theirs, lengths, dropout = 0 }) {
  const found = findPython();
  if (!found.python) return { skipped: found.reason };
  const peer = startPeer(found.python);
  const model = syntheticModel({ hidden, mode: ours, lengths, dropout });
  const { version } = await peer.ask(loadRequest(model.model, theirs, dropout));
  const result = await inTurn(
    () => timed(() => model.step()),
    async () => (await peer.ask({ do: 'step', lengths })).ms,
  );
  model.dispose();
  peer.close();
  return { ...result, unit: 'ms', against: `PyTorch ${version}` };
}

const training = [384, 768].flatMap((hidden) => [
  {
    name: `sdq-step-${hidden}-vs-fp32-step`,
    title: `SDQ step with cached teacher, H=${hidden}, 16 x 128, against a plain fp32 step`,
    target: 1,
    run: () => againstPyTorch({ hidden, ours: 'sdq', theirs: 'fp32', lengths: SQUARE }),
  },
  {
    name: `sdq-step-${hidden}-vs-qat-step`,
    title: `SDQ step with cached teacher, H=${hidden}, 16 x 128, against a fused QAT step`,
    target: 1.7,
    run: () => againstPyTorch({ hidden, ours: 'sdq', theirs: 'qat', lengths: SQUARE }),
  },
  {
    name: `fp32-step-${hidden}`,
    title: `fp32 fine-tuning step, H=${hidden}, 16 x 128`,
    target: 1,
    run: () => againstPyTorch({ hidden, ours: 'fp32', theirs: 'fp32', lengths: SQUARE, dropout: 0.1 }),
  },
  {
    name: `fp32-step-${hidden}-mixed`,
    title: `fp32 fine-tuning step, H=${hidden}, 16 sentences of mixed length`,
    target: 1.5,
    run: () => againstPyTorch({ hidden, ours: 'fp32', theirs: 'fp32', lengths: MIXED, dropout: 0.1 }),
  },
]);

/** What the peer needs to know to build the same encoder. */
function loadRequest({ config, head }, mode, dropout) {
  return {
    do: 'load',
    mode,
    hidden: config.hiddenSize,
    heads: config.heads,
    layers: config.layers,
    vocabulary: config.vocabularySize,
    classes: head.labels.length,
    dropout,
    threads: threads(),
  };
}

/** Each side in a process of its own: the most memory that three steps ever needed. */
async function peakMemory(hidden) {
  const found = findPython();
  if (!found.python) return { skipped: found.reason };
  const ours = await ownPeak(hidden, 'qat');
  const peer = startPeer(found.python);
  const model = syntheticModel({ hidden, mode: 'fp32', lengths: [1] });
  const { version } = await peer.ask(loadRequest(model.model, 'qat', 0));
  model.dispose();
  let theirs = 0;
  for (let i = 0; i < 3; i++) theirs = (await peer.ask({ do: 'step', lengths: SQUARE })).peakBytes;
  peer.close();
  const megabytes = (bytes) => bytes / 1e6;
  return {
    ours: megabytes(ours),
    theirs: megabytes(theirs),
    ratio: theirs / ours,
    spread: [theirs / ours, theirs / ours],
    unit: 'MB',
    against: `PyTorch ${version}`,
  };
}

function ownPeak(hidden, mode) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('step-memory.mjs', import.meta.url)), [String(hidden), mode]);
    child.once('message', resolve);
    child.once('exit', (code) => code && reject(new Error(`step-memory.mjs ended with ${code}`)));
  });
}

/** What self-distillation adds to a step of ours. */
async function againstOwnQat(liveTeacher) {
  /** @type {import('@sdq/pipeline').StepMode[]} */
  const modes = ['sdq', 'qat'];
  const [sdq, qat] = modes.map((mode) => syntheticModel({ hidden: 384, mode, lengths: SQUARE, liveTeacher }));
  const result = await inTurn(
    () => timed(() => sdq.step()),
    () => timed(() => qat.step()),
  );
  sdq.dispose();
  qat.dispose();
  return { ...result, unit: 'ms', against: 'our own QAT step' };
}

async function sdqMemory() {
  const [ours, theirs] = [await ownPeak(384, 'sdq'), await ownPeak(384, 'fp32')].map((bytes) => bytes / 1e6);
  const ratio = theirs / ours;
  return { ours, theirs, ratio, spread: [ratio, ratio], unit: 'MB', against: 'our own fp32 fine-tuning' };
}

const distillation = [
  {
    name: 'sdq-step-cost',
    title: 'SDQ step with cached teacher, H=384, 16 x 128, against our own QAT step (at most 1.15 times)',
    target: 1 / 1.15,
    run: () => againstOwnQat(false),
  },
  {
    name: 'sdq-step-cost-live',
    title: 'The same with the teacher running in every step (at most 1.6 times)',
    target: 1 / 1.6,
    run: () => againstOwnQat(true),
  },
  {
    name: 'sdq-step-memory',
    title:
      'Peak memory of a process that makes SDQ steps, H=384, 16 x 128, against fine-tuning (at most 1.25 times)',
    target: 1 / 1.25,
    run: sdqMemory,
  },
];

export const trainingBenchmarks = [
  ...training,
  ...distillation,
  ...[384, 768].map((hidden) => ({
    name: `qat-step-${hidden}-memory`,
    title: `Peak memory of a process that makes QAT steps, H=${hidden}, 16 x 128`,
    target: 1,
    run: () => peakMemory(hidden),
  })),
];
