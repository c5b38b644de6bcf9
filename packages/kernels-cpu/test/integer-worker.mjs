// Runs a program that another thread made, many times, and answers with the result if all agree: for
// integer-model.test.ts.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const { IntegerProgram } = createRequire(import.meta.url)('../native/sdq-kernels-cpu.node');
const { number, indices, offsets, length } = workerData;
const program = IntegerProgram.open(number);
const first = new Float32Array(length);
program.run(indices, offsets, first);
for (let i = 0; i < 50; i++) {
  const next = new Float32Array(length);
  program.run(indices, offsets, next);
  if (next.some((value, at) => value !== first[at])) throw new Error(`Run ${i} differs.`);
}
program.close();
parentPort.postMessage(first);
