import type { AdamStep, AdamUpdate, HostKernels } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import type { SdqWebGpuBackend } from './backend.ts';
import { elementwise, entry, groupsFor, LANES, REDUCTIONS, runWgsl, type WgslKernel } from './wgsl-kernel.ts';

/** Elements that a work group reduces. */
const SHARE = 4096;

/** A reduction of shares of x to some numbers each: `gather` sees each value, `give` writes from `at` on. */
const reduction = (name: string, gather: string, give: string): WgslKernel => ({
  name,
  inputs: { x: 'f32' },
  outputs: { parts: 'f32' },
  parameters: { size: 'u32', first: 'u32' },
  code: /* wgsl */ `${REDUCTIONS}${entry(LANES)}
  if (group * ${SHARE}u >= p.size) { return; }
  var sum = 0.0;
  var least = 3.4e38;
  var most = -3.4e38;
  for (var i = group * ${SHARE}u + lane; i < min(p.size, (group + 1u) * ${SHARE}u); i += ${LANES}u) {
    let value = x[i];
    ${gather}
  }
  let at = p.first + group;
  ${give}
}`,
});

const SQUARES = reduction(
  'squares',
  'sum += value * value;',
  'let total = sumOver(lane, sum); if (lane == 0u) { parts[at] = total; }',
);

// Not finite by its bits: WGSL lets compilers assume that no float is NaN or infinite.
const MIN_MAX = reduction(
  'minMax',
  /* wgsl */ `if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) { sum += 1.0; }
    least = min(least, value);
    most = max(most, value);`,
  /* wgsl */ `let most_ = maxOver(lane, most);
  let least_ = -maxOver(lane, -least);
  let bad = sumOver(lane, sum);
  if (lane == 0u) {
    parts[3u * at] = least_;
    parts[3u * at + 1u] = most_;
    parts[3u * at + 2u] = bad;
  }`,
);

const ADAMW = elementwise({
  name: 'adamW',
  inputs: { x: 'f32', gradient: 'f32' },
  outputs: { y: 'f32', mean: 'f32', square: 'f32' },
  parameters: {
    gradientScale: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    rest1: 'f32',
    rest2: 'f32',
    epsilon: 'f32',
    keep: 'f32',
    stepSize: 'f32',
    inverseRoot: 'f32',
  },
  body: /* wgsl */ `
  let g = gradient[i] * p.gradientScale;
  let m = mean[i] * p.beta1 + g * p.rest1;
  let v = square[i] * p.beta2 + g * g * p.rest2;
  mean[i] = m;
  square[i] = v;
  y[i] = x[i] * p.keep - p.stepSize * m / (sqrt(v) * p.inverseRoot + p.epsilon);`,
});

/** The kernels of @sdq/kernels that give numbers or update variables. */
export function webGpuHostKernels(backend: SdqWebGpuBackend): HostKernels {
  /** Reduces tensors to `width` numbers a share, which one read brings to the host. */
  const reduce = (kernel: WgslKernel, tensors: readonly tf.TensorInfo[], width: number): Float32Array => {
    const sizes = tensors.map(({ shape }) => tf.util.sizeFromShape(shape));
    const groups = sizes.map((size) => Math.ceil(size / SHARE));
    const total = groups.reduce((sum, count) => sum + count, 0);
    const parts = backend.makeTensorInfo([total * width], 'float32');
    let first = 0;
    tensors.forEach((x, i) => {
      const parameters = { size: sizes[i]!, first };
      runWgsl(backend, kernel, { inputs: { x }, outputs: { parts }, parameters, groups: groups[i]! });
      first += groups[i]!;
    });
    try {
      return backend.readSync(parts.dataId) as Float32Array;
    } finally {
      backend.disposeData(parts.dataId);
    }
  };

  const update = ({ variable, gradient, mean, square, weightDecay }: AdamUpdate, step: AdamStep) => {
    const { gradientScale, beta1, beta2, epsilon, learningRate } = step;
    const [next] = runWgsl(backend, ADAMW, {
      inputs: { x: variable, gradient },
      outputs: { y: variable.shape, mean, square },
      parameters: {
        size: variable.size,
        gradientScale,
        beta1,
        beta2,
        rest1: 1 - beta1,
        rest2: 1 - beta2,
        epsilon,
        keep: 1 - learningRate * weightDecay,
        stepSize: learningRate / (1 - beta1 ** step.step),
        inverseRoot: 1 / Math.sqrt(1 - beta2 ** step.step),
      },
      groups: groupsFor(variable.size),
    });
    // A new tensor: others may share the data of the old one.
    const tensor = tf.engine().makeTensorFromTensorInfo(next!);
    variable.assign(tensor);
    tensor.dispose();
  };

  return {
    minMax(x) {
      const parts = reduce(MIN_MAX, [x], 3);
      let [min, max, bad] = [Infinity, -Infinity, 0];
      for (let i = 0; i < parts.length; i += 3) {
        min = Math.min(min, parts[i]!);
        max = Math.max(max, parts[i + 1]!);
        bad += parts[i + 2]!;
      }
      return { min, max, finite: bad === 0 };
    },
    sumOfSquares(tensors) {
      const filled = tensors.filter(({ size }) => size > 0);
      return filled.length === 0 ? 0 : reduce(SQUARES, filled, 1).reduce((sum, part) => sum + part, 0);
    },
    adamW(updates, step) {
      for (const one of updates) update(one, step);
    },
  };
}
