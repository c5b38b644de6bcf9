// A process of its own that makes three training steps and tells the most memory it ever had: HIDDEN MODE.
import { useSdqCpu } from '@sdq/kernels-cpu';
import { syntheticModel } from '@sdq/pipeline';
import { peakMemory } from './peak-memory.mjs';

const [hidden, mode] = process.argv.slice(2);
await useSdqCpu();
const lengths = Array.from({ length: 16 }, () => 128);
const model = syntheticModel({
  hidden: Number(hidden),
  mode: /** @type {import('@sdq/pipeline').StepMode} */ (mode),
  lengths,
});
for (let i = 0; i < 3; i++) model.step();
process.send?.(peakMemory());
