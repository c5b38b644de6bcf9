// Training steps against tfjs-node, which runs the composites of the same ops on TensorFlow.
import { useSdqCpu } from '@sdq/kernels-cpu';
import { cudaSetup, useCuda } from '@sdq/kernels-cuda';
import { syntheticModel } from '@sdq/pipeline';
import { inTurn, timed } from './pairs.mjs';

const SQUARE = Array.from({ length: 16 }, () => 128);

async function againstTfjsNode(hidden) {
  if (!cudaSetup())
    return { skipped: 'TensorFlow is not set up: run "npm run -s sdq -- gpu setup --cpu" (0.3 GB)' };
  const { device, version } = await useCuda();
  if (device === 'gpu') return { skipped: 'TensorFlow runs on a card here, and this compares CPUs' };
  const sides = [];
  for (const use of [useSdqCpu, useCuda]) {
    await use();
    sides.push({ use, model: syntheticModel({ hidden, mode: 'fp32', lengths: SQUARE }) });
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
  return { ...result, unit: 'ms', against: `tfjs-node on TensorFlow ${version}` };
}

export const tfjsNodeBenchmarks = [384, 768].map((hidden) => ({
  name: `tfjs-node-step-${hidden}`,
  title: `fp32 training step, H=${hidden}, 16 x 128, against tfjs-node on the CPU`,
  target: 2,
  run: () => againstTfjsNode(hidden),
}));
