import { type Granularity, type QuantizedRows, SdqError, type Site } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { checkGram, type Gram, outputError } from './gram.ts';
import { valuesOf } from './values-of.ts';
import { checkWeightBits, elementsPerScale, largestLevel, nearestLevel, weightGrid } from './weight-grid.ts';
import { asRows, floatsOf } from './weight-quantizers.ts';

/** How {@link adaRound} runs. */
export interface AdaRoundOptions {
  readonly steps?: number;
  readonly learningRate?: number;
  /** How much the pull of each rounding towards up or down counts against the error. */
  readonly pull?: number;
}

// The rectified sigmoid reaches beyond 0 and 1, so that it arrives there (equation 23).
const STRETCH_LOW = -0.1;
const STRETCH_HIGH = 1.1;
/** The share of the steps in which nothing pulls yet, and the exponents between which the pull sharpens. */
const WARMUP = 0.2;
const SOFT = 20;
const SHARP = 2;

/**
 * Rounds each weight up or down, as it serves the outputs on the calibration inputs: the roundings are learned, by
 * gradient descent on the output error with a pull towards a decision.
 *
 * The error is measured through the Gram matrix, so no inputs are kept; where learning did not beat rounding to nearest,
 * nearest is returned. Source: Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization",
 * equations 21 to 24.
 *
 * @param weight - [out, in]
 * @param gram - of the inputs
 * @param bits - 2 to 8; 2 is ternary
 * @throws SdqError `bad-option`; `bad-shape`; `bad-value` when a weight is not finite: names the site
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { adaRound, Gram } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 1], [2, 2.1]]));
 * // Rounded alone 0.7 and 0.55 would both be 1, though their inputs are nearly equal.
 * const { values } = adaRound(Float32Array.of(0.7, 0.55, 3, 0), [2, 2], gram, 3, 'tensor');
 * values[0]! + values[1]!; // 1
 * ```
 */
export function adaRound(
  weight: ArrayLike<number>,
  shape: readonly [rows: number, columns: number],
  gram: Gram,
  bits: number,
  granularity: Granularity,
  options: AdaRoundOptions = {},
  site?: Site,
): QuantizedRows {
  const { steps = 300, learningRate = 0.02, pull = 0.03 } = options;
  checkWeightBits(bits, 2);
  if (!(steps >= 1 && learningRate > 0 && pull >= 0)) {
    throw new SdqError(
      'bad-option',
      'AdaRound needs steps, a learning rate above 0 and a pull that is not negative.',
    );
  }
  checkGram(gram, weight, shape);
  const size = elementsPerScale(granularity, shape, site);
  const scales = Float32Array.from(
    { length: weight.length / size },
    (_, group) => weightGrid(weight, group * size, size, bits, site).scale,
  );
  const finish = (level: (i: number) => number): QuantizedRows =>
    asRows(
      bits,
      shape,
      Int8Array.from({ length: weight.length }, (_, i) => level(i)),
      scales,
      granularity,
    );
  const scaleOf = (i: number) => scales[Math.floor(i / size)]!;
  const nearest = finish((i) => nearestLevel(weight[i]!, scaleOf(i), bits));
  const start = outputError(weight, floatsOf(nearest), gram);
  if (start === 0) return nearest;
  const up = learnRoundings();
  const limit = largestLevel(bits);
  const learned = finish((i) => {
    const level = Math.floor(weight[i]! / scaleOf(i)) + (up[i]! >= 0.5 ? 1 : 0);
    return Math.max(-limit, Math.min(limit, level));
  });
  return outputError(weight, floatsOf(learned), gram) < start ? learned : nearest;

  /** How far up each weight is rounded, in [0, 1]. */
  function learnRoundings(): Float32Array {
    const count = weight.length;
    const limit = largestLevel(bits);
    const logits = Float32Array.from({ length: count }, (_, i) => {
      const v = weight[i]! / scaleOf(i);
      const share = (v - Math.floor(v) - STRETCH_LOW) / (STRETCH_HIGH - STRETCH_LOW);
      return -Math.log(1 / share - 1);
    });
    const scaleOfEach = Float64Array.from({ length: count }, (_, i) => scaleOf(i));
    const lower = Float64Array.from({ length: count }, (_, i) => Math.floor(weight[i]! / scaleOf(i)));
    const sigmoid = new Float64Array(count);
    const soft = new Float32Array(count);
    const change = new Float32Array(count);
    const [mean, square] = [new Float32Array(count), new Float32Array(count)];
    // In units of the error of rounding to nearest, a weight: so the pull means the same in every layer.
    const gramTensor = tf.tensor2d(
      Float32Array.from(gram.matrix, (value) => (value * count) / (gram.count * start)),
      [gram.size, gram.size],
    );
    for (let step = 1; step <= steps; step++) {
      for (let i = 0; i < count; i++) {
        sigmoid[i] = 1 / (1 + Math.exp(-logits[i]!));
        const stretched = STRETCH_LOW + (STRETCH_HIGH - STRETCH_LOW) * sigmoid[i]!;
        soft[i] = stretched < 0 ? 0 : Math.min(stretched, 1);
        const level = lower[i]! + soft[i]!;
        change[i] = (level < -limit ? -limit : Math.min(level, limit)) * scaleOfEach[i]! - weight[i]!;
      }
      const slopes = valuesOf(() => tf.matMul(tf.tensor2d(change.slice(), [...shape]), gramTensor));
      const progress = (step / steps - WARMUP) / (1 - WARMUP);
      const beta = SHARP + (SOFT - SHARP) * (1 - Math.max(0, progress));
      const pulls = progress > 0 ? pull : 0;
      const decision = interpolatedSlope(beta);
      const [meanShare, squareShare] = [1 - 0.9 ** step, 1 - 0.999 ** step];
      for (let i = 0; i < count; i++) {
        const h = soft[i]!;
        const inside = h > 0 && h < 1 ? (STRETCH_HIGH - STRETCH_LOW) * sigmoid[i]! * (1 - sigmoid[i]!) : 0;
        const gradient = (2 * slopes[i]! * scaleOfEach[i]! - 2 * pulls * decision(2 * h - 1)) * inside;
        mean[i] = 0.9 * mean[i]! + 0.1 * gradient;
        square[i] = 0.999 * square[i]! + 0.001 * gradient * gradient;
        logits[i]! -= (learningRate * (mean[i]! / meanShare)) / (Math.sqrt(square[i]! / squareShare) + 1e-8);
      }
    }
    gramTensor.dispose();
    return soft;
  }
}

/**
 * The slope of |x|^beta on [-1, 1], linear between 1,025 points, to 2e-4 of its largest: a power for each weight in each
 * step would take most of the time.
 */
function interpolatedSlope(beta: number): (x: number) => number {
  const cells = 1024;
  const slopes = Float64Array.from({ length: cells + 2 }, (_, i) => beta * (i / cells) ** (beta - 1));
  return (x) => {
    const at = Math.abs(x) * cells;
    const cell = Math.trunc(at);
    const slope = slopes[cell]! + (at - cell) * (slopes[cell + 1]! - slopes[cell]!);
    return x < 0 ? -slope : slope;
  };
}
