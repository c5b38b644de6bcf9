// Training steps on TensorFlow: of the CPU backend against it, and of its fused kernels against the composites of tfjs's ops.
import { useSdqCpu } from '@sdq/kernels-cpu';
import { cudaSetup, useCuda } from '@sdq/kernels-cuda';
import { syntheticModel } from '@sdq/pipeline';
import { inTurn, timed } from './pairs.mjs';

const SQUARE = Array.from({ length: 16 }, () => 128);

const NOT_SET_UP = 'TensorFlow is not set up: run "npm run -s sdq -- gpu setup --cpu" (0.3 GB)';

const useComposed = () => useCuda({ composed: true });

async function againstTfjsNode(hidden) {
  if (!cudaSetup()) return { skipped: NOT_SET_UP };
  const { device, version } = await useCuda();
  if (device === 'gpu') return { skipped: 'TensorFlow runs on a card here, and this compares CPUs' };
  const result = await stepsInTurn([useSdqCpu, useComposed], { hidden, mode: 'fp32', lengths: SQUARE });
  return { ...result, against: `tfjs-node on TensorFlow ${version}` };
}

async function fusedAgainstComposed(mode) {
  if (!cudaSetup()) return { skipped: NOT_SET_UP };
  const { device, version } = await useCuda();
  const result = await stepsInTurn([useCuda, useComposed], { hidden: 384, layers: 4, mode, lengths: SQUARE });
  return { ...result, against: `stock tfjs ops on TensorFlow ${version} (${device})` };
}

async function stepsInTurn(uses, options) {
  const sides = [];
  for (const use of uses) {
    await use();
    sides.push({ use, model: syntheticModel(options) });
  }
  const [ours, theirs] = sides.map(({ use, model }) => async () => {
    await use();
    return timed(() => model.step());
  });
  const result = await inTurn(ours, theirs);
  for (const { use, model } of sides) {
    await use();
    model.dispose();
  }
  await useSdqCpu();
  return { ...result, unit: 'ms' };
}

export const tfjsNodeBenchmarks = [
  ...[384, 768].map((hidden) => ({
    name: `tfjs-node-step-${hidden}`,
    title: `fp32 training step, H=${hidden}, 16 x 128, against tfjs-node on the CPU`,
    target: 2,
    run: () => againstTfjsNode(hidden),
  })),
  ...['fp32', 'qat'].map((mode) => ({
    name: `tensorflow-fused-${mode}`,
    title: `${mode} training step, 4 layers, H=384, 16 x 128: kernels on TensorFlow's operators against stock tfjs ops`,
    target: 1.5,
    run: () => fusedAgainstComposed(mode),
  })),
];
