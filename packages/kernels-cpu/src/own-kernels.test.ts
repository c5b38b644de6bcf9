import { ownKernels } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { useSdqCpu } from './use-sdq-cpu.ts';

it('names the kernels of the backend in use, and none for a stock backend', async () => {
  await useSdqCpu();
  expect(ownKernels()).toEqual(expect.arrayContaining(['SdqLinear', 'SdqAttention', 'createIntegerModel']));
  await tf.setBackend('cpu');
  expect(ownKernels()).toEqual([]);
});
