import { SdqError } from '@sdq/core';
import { fakeQuantize, gelu, quantizedLinear } from '@sdq/kernels';
import { useWebGpu } from '@sdq/kernels-webgpu';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normals } from '../../kernels/test/check-op.ts';
import { BACKEND, type SdqWebGpuBackend } from '../src/backend.ts';
import { quantizedProduct } from '../src/quantized-product-kernels.ts';
import { runWgsl } from '../src/wgsl-kernel.ts';
import { whatWebGpuLacks } from './software-vulkan.ts';

const lack = await whatWebGpuLacks();
if (lack) describe('the sdq-webgpu backend', () => it.skip(lack, () => {}));

describe.runIf(!lack)('the sdq-webgpu backend', () => {
  let backend: SdqWebGpuBackend;
  beforeAll(async () => {
    const info = await useWebGpu();
    expect(info.adapter).not.toBe('');
    expect(tf.getBackend()).toBe(BACKEND);
    backend = tf.backend() as unknown as SdqWebGpuBackend;
  });

  it('reads tensors synchronously and by promise', async () => {
    const x = tf.tidy(() => tf.tensor1d([1, 2, 3]).add(1) as tf.Tensor1D);
    expect([...(await x.clone().data())]).toEqual([2, 3, 4]);
    expect(gelu(x.mul(4)).dataSync()).toEqual(Float32Array.of(8, 12, 16));
    expect([...x.greater(2).dataSync()]).toEqual([0, 1, 1]);
    expect([...x.toInt().mul(tf.scalar(3, 'int32')).dataSync()]).toEqual([6, 9, 12]);
  });

  it('gives the same integers with packed dot products and without', () => {
    const [m, n, words] = [37, 41, 9];
    const integers = (seed: number, count: number) =>
      tf.tidy(() => {
        const bits = normals([count], seed, 2 ** 30).dataSync();
        return tf.tensor1d(Int32Array.from(bits), 'int32');
      });
    const inputs = {
      x: integers(1, m * words),
      weight: integers(2, n * words),
      weightScales: tf.ones([n]),
      weightSums: tf.zeros([n], 'int32'),
      bias: tf.zeros([n]),
    };
    const bytes = (x: tf.Tensor) => new Int8Array(Int32Array.from(x.dataSync()).buffer);
    const [a, b] = [bytes(inputs.x), bytes(inputs.weight)];
    const exact = Float32Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let l = 0; l < 4 * words; l++) sum += a[i * 4 * words + l]! * b[j * 4 * words + l]!;
      return sum;
    });
    for (const packed of backend.packedDotProducts ? [true, false] : [false]) {
      const [y] = runWgsl(backend, quantizedProduct(packed), {
        inputs,
        outputs: { y: [m, n] },
        parameters: { m, n, words, scale: 1, middle: 0 },
        groups: 4,
      });
      expect(backend.readSync(y!.dataId)).toEqual(exact);
      backend.disposeData(y!.dataId);
    }
    tf.dispose(Object.values(inputs));
  });

  it('throws what a kernel met at the next read, once, also when that waits', async () => {
    const grid = { scale: 0.1, zeroPoint: 128, qMin: 0, qMax: 255 };
    const bad = tf.tensor2d([[1, Number.NaN]]);
    const y = fakeQuantize(bad, grid, 'encoder.layer.7');
    await expect(y.data()).rejects.toThrow('"encoder.layer.7" holds NaN');
    const good = quantizedLinear(tf.ones([1, 2]), tf.ones([2, 2]), tf.zeros([2]), { grid, bits: 8 });
    for (const value of await good.data()) expect(value).toBeCloseTo(2, 5);
  });

  it('refuses a tensor that the GPU cannot bind, and goes on', () => {
    const largest = backend.device.limits.maxStorageBufferBindingSize;
    const error = caught(() => tf.tidy(() => tf.fill([largest / 4 + 1], 1).dataSync()));
    expect(error).toMatchObject({ code: 'unavailable' });
    expect((error as Error).message).toMatch(
      /^A tensor of \d+ bytes is larger than the \d+ that this GPU binds/,
    );
    expect([...tf.ones([2]).add(1).dataSync()]).toEqual([2, 2]);
  });

  it('says so when the device is lost, at every read from then on', async () => {
    // tfjs computes small tensors that are not on the GPU yet on the host.
    const [x, y] = [gelu(tf.ones([3])), gelu(tf.ones([4]))];
    backend.device.destroy();
    expect(caught(() => x.dataSync())).toBeInstanceOf(SdqError);
    await expect(y.data()).rejects.toThrow('The WebGPU device was lost');
    expect(caught(() => gelu(tf.ones([5])).dataSync())).toMatchObject({ code: 'unavailable' });
  });

  afterAll(() => tf.setBackend('cpu'));
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
