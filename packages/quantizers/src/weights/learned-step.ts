import { type Granularity, type QuantizedRows, SdqError, type Site, type WeightQuantizer } from '@sdq/core';
import { roundHalfEven } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
import {
  checkWeightBits,
  elementsPerScale,
  largestLevel,
  nearestLevel,
  symmetricLevels,
} from './weight-grid.ts';

/** The integers of a grid whose step is learned; zero is 0. */
export interface StepLevels {
  readonly qMin: number;
  readonly qMax: number;
}

/**
 * The values of x on a grid whose step is learned: clamp(round(x / step), qMin, qMax) * step.
 *
 * The gradient of x passes straight through inside the clipping range and is zero outside; that of a step is the sum,
 * over its elements, of round(v) - v inside the range and of the bound outside, v = x / step, times
 * 1 / sqrt(count * qMax). Source: Esser et al. 2020, "Learned Step Size Quantization", equations 2 to 5 and section 2.2.
 *
 * @param x - any shape; neighbouring elements share a step: x.size / steps of them
 * @param steps - [steps], each above 0
 * @param count - what the gradient's scale counts; by default the elements that share a step, as for a weight; for an
 * activation the paper counts its features, so that the batch does not matter
 * @throws SdqError `bad-value` when a step is not above 0: names the site; `bad-shape`
 *
 * @example
 * ```ts
 * import { roundHalfEven } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
 * import { learnedStepQuantize } from '@sdq/quantizers';
 *
 * const step = tf.tensor1d([0.5]);
 * learnedStepQuantize(tf.tensor1d([0.6, -9]), step, { qMin: -4, qMax: 3 }).dataSync(); // [0.5, -2]
 * ```
 */
export function learnedStepQuantize(
  x: tf.Tensor,
  steps: tf.Tensor,
  levels: StepLevels,
  site?: Site,
  count = x.size / steps.size,
): tf.Tensor {
  const size = x.size / steps.size;
  if (!Number.isInteger(size)) {
    throw new SdqError('bad-shape', `${steps.size} steps do not divide the ${x.size} elements of x.`);
  }
  const { qMin, qMax } = levels;
  const scale = 1 / Math.sqrt(count * qMax);
  const op = tf.customGrad((first, second, save) => {
    const [x, steps] = [first as tf.Tensor, second as tf.Tensor];
    (save as tf.GradSaveFunc)([x, steps]);
    const values = x.dataSync();
    const sizes = checkedSteps(steps, site);
    const floats = new Float32Array(values.length);
    for (let group = 0; group < sizes.length; group++) {
      const step = sizes[group]!;
      for (let i = group * size; i < (group + 1) * size; i++) {
        floats[i] = clamp(roundHalfEven(Math.fround(values[i]! / step)), qMin, qMax) * step;
      }
    }
    return {
      value: tf.tensor(floats, x.shape),
      gradFunc: (dy: tf.Tensor, [x, steps]: tf.Tensor[]) => {
        const values = x!.dataSync();
        const sizes = steps!.dataSync();
        const upstream = dy.dataSync();
        const dx = new Float32Array(values.length);
        const dSteps = new Float32Array(sizes.length);
        for (let group = 0; group < sizes.length; group++) {
          const step = sizes[group]!;
          let sum = 0;
          for (let i = group * size; i < (group + 1) * size; i++) {
            const v = values[i]! / step;
            const inside = v > qMin && v < qMax;
            if (inside) dx[i] = upstream[i]!;
            sum += upstream[i]! * (inside ? roundHalfEven(v) - v : clamp(v, qMin, qMax));
          }
          dSteps[group] = sum * scale;
        }
        return [tf.tensor(dx, x!.shape), tf.tensor(dSteps, steps!.shape)];
      },
    };
  });
  return op(x, steps);
}

/**
 * The start of learned steps: twice the mean magnitude over sqrt(qMax), 1 where all is zero.
 *
 * Source: Esser et al. 2020, section 2.1.
 *
 * @param size - how many neighbouring values share a step
 *
 * @example
 * ```ts
 * import { initialSteps } from '@sdq/quantizers';
 *
 * initialSteps(Float32Array.of(1, -3), 2, 4); // Float32Array [2]
 * ```
 */
export function initialSteps(values: ArrayLike<number>, size: number, qMax: number): Float32Array {
  const steps = new Float32Array(values.length / size);
  for (let group = 0; group < steps.length; group++) {
    let sum = 0;
    for (let i = group * size; i < (group + 1) * size; i++) sum += Math.abs(values[i]!);
    steps[group] = Math.fround((2 * sum) / size / Math.sqrt(qMax)) || 1;
  }
  return steps;
}

/**
 * A weight quantizer of one site whose steps are trained with the weight: hand `steps` to the optimizer.
 *
 * @example
 * ```ts
 * import { roundHalfEven } from '@sdq/kernels';
import * as tf from '@tensorflow/tfjs';
 * import { LearnedStepQuantizer } from '@sdq/quantizers';
 *
 * const weight = tf.variable(tf.tensor2d([[1, -1], [2, 2]]));
 * const quantizer = new LearnedStepQuantizer(weight, 2, 'channel');
 * quantizer.steps.shape; // [2]
 * quantizer.quantize(weight).values; // Int8Array [0, 0, 0, 0]
 * ```
 */
export class LearnedStepQuantizer implements WeightQuantizer {
  readonly name: string;
  readonly levels: readonly number[];
  private readonly shape: readonly number[];
  /** [steps], a row's groups after one another. */
  readonly steps: tf.Variable;

  /**
   * @param weight - [out, in], what the steps start from
   * @param bits - 2 to 8; 2 is ternary
   * @throws SdqError `bad-option`
   */
  constructor(
    weight: tf.Tensor,
    readonly bits: number,
    readonly granularity: Granularity,
    readonly site?: Site,
  ) {
    checkWeightBits(bits, 2);
    const size = elementsPerScale(granularity, weight.shape as [number, number], site);
    const each = typeof granularity === 'string' ? granularity : `group-${granularity.group}`;
    this.name = `lsq${bits}-per-${each}`;
    this.levels = symmetricLevels(bits);
    this.shape = weight.shape;
    this.steps = tf.tidy(() => tf.variable(tf.tensor1d(initialSteps(weight.dataSync(), size, this.qMax))));
  }

  fakeQuantize(weight: tf.Tensor, site = this.site): tf.Tensor {
    this.requireShape(weight, site);
    return learnedStepQuantize(weight, this.steps, { qMin: -this.qMax, qMax: this.qMax }, site);
  }

  quantize(weight: tf.Tensor, site = this.site): QuantizedRows {
    this.requireShape(weight, site);
    const shape = weight.shape as [number, number];
    const floats = weight.dataSync();
    const steps = checkedSteps(this.steps, site);
    const size = floats.length / steps.length;
    const values = Int8Array.from(floats, (value, i) =>
      nearestLevel(value, steps[Math.floor(i / size)]!, this.bits),
    );
    if (this.granularity === 'tensor') {
      return { bits: this.bits, shape, values, scales: new Float32Array(shape[0]).fill(steps[0]!) };
    }
    const rows = { bits: this.bits, shape, values, scales: Float32Array.from(steps) };
    return this.granularity === 'channel' ? rows : { ...rows, groupSize: size };
  }

  dispose(): void {
    this.steps.dispose();
  }

  /** Steps belong to the rows that they were made for: a few rows of the weight would get those of others. */
  private requireShape({ shape }: tf.Tensor, site: Site | undefined): void {
    if (shape.length === 2 && shape[0] === this.shape[0] && shape[1] === this.shape[1]) return;
    const place = site === undefined ? '' : ` of "${site}"`;
    throw new SdqError(
      'bad-shape',
      `The learned steps${place} are for a weight [${this.shape}], not [${shape}]: hand in the whole weight.`,
    );
  }

  private get qMax(): number {
    return largestLevel(this.bits);
  }
}

function checkedSteps(steps: tf.Tensor, site: Site | undefined): Float32Array {
  const sizes = steps.dataSync() as Float32Array;
  for (const step of sizes) {
    if (step > 0 && step < Infinity) continue;
    const place = site === undefined ? 'A learned step' : `A learned step of "${site}"`;
    throw new SdqError('bad-value', `${place} is ${step}, not above 0: lower its learning rate.`);
  }
  return sizes;
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : Math.min(value, high);
}
