import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { sdqCpuInfo, useSdqCpu } from './use-sdq-cpu.ts';

it('registers the backend once and makes it current each time', async () => {
  await useSdqCpu();
  expect(tf.getBackend()).toBe('sdq-cpu');
  await tf.setBackend('cpu');
  await useSdqCpu();
  expect(tf.getBackend()).toBe('sdq-cpu');
  expect(tf.add([1, 2], [3, 4]).arraySync()).toEqual([4, 6]);
});

it('says what it runs on', () => {
  const { path, threads, version } = sdqCpuInfo();
  expect(['avx512vnni', 'avx512', 'avxvnni', 'avx2', 'portable']).toContain(path);
  expect(threads).toBeGreaterThan(0);
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

it('runs tensors that were made on another backend', async () => {
  await tf.setBackend('cpu');
  const x = tf.tensor1d([1, 2, 3]);
  await useSdqCpu();
  expect(x.add(1).arraySync()).toEqual([2, 3, 4]);
});
