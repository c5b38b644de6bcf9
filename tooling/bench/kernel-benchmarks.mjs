// One product in integers against what the machine can do at most.
import { quantizedLinear } from '@sdq/kernels';
import { sdqCpuPeaks } from '@sdq/kernels-cpu';
import * as tf from '@tensorflow/tfjs';
import { inTurn, timed } from './pairs.mjs';

const ROWS = 2048;

/** Products in a row, as in a model: a lone one measures how fast threads wake up and caches fill. */
const PRODUCTS = 20;

async function linear({ inner, outer }) {
  const [x, weight, bias] = [
    tf.randomNormal([ROWS, inner], 0, 1, 'float32', 1),
    tf.randomNormal([outer, inner], 0, 0.05, 'float32', 2),
    tf.zeros([outer]),
  ];
  const grid = { scale: 8 / 255, zeroPoint: 128, qMin: 0, qMax: 255 };
  const operations = 2 * ROWS * inner * outer;
  // The peak is measured beside each product: the machine's speed moves.
  const result = await inTurn(
    // A kernel of sdq-cpu is done when it returns: reading the result would add a copy of it.
    async () => {
      const all = await timed(() => {
        for (let i = 0; i < PRODUCTS; i++) tf.dispose(quantizedLinear(x, weight, bias, { grid, bits: 8 }));
      });
      return all / PRODUCTS;
    },
    () => operations / sdqCpuPeaks().int8Gops / 1e6,
  );
  tf.dispose([x, weight, bias]);
  return { ...result, unit: 'ms', against: 'the peak of 8-bit dot products' };
}

export const kernelBenchmarks = [
  [384, 1536],
  [768, 768],
  [768, 3072],
].map(([inner, outer]) => ({
  name: `int8-linear-${inner}x${outer}`,
  title: `int8 linear, f32 in and out, ${ROWS} x ${inner} by ${outer}, as a share of the peak`,
  target: 0.75,
  run: () => linear({ inner, outer }),
}));
