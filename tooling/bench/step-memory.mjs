// A process of its own that makes three QAT steps and tells the most memory it ever had.
import { useSdqCpu } from '@sdq/kernels-cpu';
import { syntheticModel } from '@sdq/pipeline';
import { peakMemory } from './peak-memory.mjs';

await useSdqCpu();
const lengths = Array.from({ length: 16 }, () => 128);
const model = syntheticModel({ hidden: Number(process.argv[2]), mode: 'qat', lengths });
for (let i = 0; i < 3; i++) model.step();
process.send(peakMemory());
