import { type QuantizedRows, SdqError, type Site, type WeightQuantizer } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { checkGram, type Gram, outputError } from '../gram.ts';
import { valuesOf } from '../values-of.ts';
import { floatsOf, LevelGrid } from '../weights/index.ts';

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
 * Rounds each weight to the level of its quantizer below or above it, as it serves the outputs on the calibration inputs: the
 * roundings are learned, by gradient descent on the output error with a pull towards a decision.
 *
 * The error is measured through the Gram matrix, so no inputs are kept. An output on which learning does not beat the
 * quantizer's own rounding, or rounding to the nearest level, is rounded so. Source: Nagel et al. 2020, "Up or Down? Adaptive
 * Rounding for Post-Training Quantization", equations 21 to 24.
 *
 * @param weight - [out, in]
 * @param gram - of the inputs
 * @param quantizer - states its levels
 * @throws SdqError `bad-option`, for a quantizer that states no levels too: names it and the site; `bad-shape`; `bad-value`
 * when a weight is not finite: names the site
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { adaRound, Gram, perTensor } from '@sdq/quantizers';
 *
 * const gram = new Gram(2);
 * gram.add(tf.tensor2d([[1, 1], [2, 2.1]]));
 * // Rounded alone 0.7 and 0.55 would both be 1, though their inputs are nearly equal.
 * const { values } = adaRound(tf.tensor2d([[0.7, 0.55], [3, 0]]), gram, perTensor(3));
 * values[0]! + values[1]!; // 1
 * ```
 */
export function adaRound(
  weight: tf.Tensor,
  gram: Gram,
  quantizer: WeightQuantizer,
  options: AdaRoundOptions = {},
  site?: Site,
): QuantizedRows {
  const { steps = 300, learningRate = 0.02, pull = 0.03 } = options;
  if (!(steps >= 1 && learningRate > 0 && pull >= 0)) {
    throw new SdqError(
      'bad-option',
      'AdaRound needs steps, a learning rate above 0 and a pull that is not negative.',
    );
  }
  checkGram(gram, weight);
  const grid = new LevelGrid(weight, quantizer, site);
  const nearest = grid.best(gram, []);
  const floats = grid.weight;
  const count = floats.length;
  const scales = Float64Array.from({ length: count }, (_, i) => grid.scaleAt(i));
  /** In units of the scale; a scale of 0 stands for zeros. */
  const unit = (i: number) => (scales[i]! > 0 ? floats[i]! / scales[i]! : 0);
  const lower = Int8Array.from({ length: count }, (_, i) => grid.below(unit(i)));
  const gaps = Int8Array.from(lower, (level, i) => grid.above(unit(i)) - level);
  // What lies outside of the levels is clipped however the rest is rounded, so its error counts in no choice.
  const inside = floats.map((value, i) => {
    const [least, largest] = [grid.below(-Infinity), grid.above(Infinity)];
    return scales[i]! > 0 ? Math.max(least, Math.min(largest, unit(i))) * scales[i]! : value;
  });
  const start = outputError(inside, floatsOf(nearest), gram);
  if (start === 0) return nearest;
  const up = learnRoundings();
  return grid.best(gram, [Int8Array.from(lower, (level, i) => level + (up[i]! >= 0.5 ? gaps[i]! : 0))]);

  /** How far up each weight is rounded, in [0, 1]. */
  function learnRoundings(): Float32Array {
    const logits = Float32Array.from({ length: count }, (_, i) => {
      // A weight outside of the levels has one level to go to.
      const part = gaps[i] === 0 ? 0 : (unit(i) - lower[i]!) / gaps[i]!;
      const share = (part - STRETCH_LOW) / (STRETCH_HIGH - STRETCH_LOW);
      return -Math.log(1 / share - 1);
    });
    const sigmoid = new Float64Array(count);
    const soft = new Float32Array(count);
    const change = new Float32Array(count);
    const [mean, square] = [new Float32Array(count), new Float32Array(count)];
    // In units of the error of rounding to nearest inside of the levels, a weight: so the pull means the same in every layer.
    const gramTensor = tf.tensor2d(
      Float32Array.from(gram.matrix, (value) => (value * count) / (gram.count * start)),
      [gram.size, gram.size],
    );
    for (let step = 1; step <= steps; step++) {
      for (let i = 0; i < count; i++) {
        sigmoid[i] = 1 / (1 + Math.exp(-logits[i]!));
        const stretched = STRETCH_LOW + (STRETCH_HIGH - STRETCH_LOW) * sigmoid[i]!;
        soft[i] = stretched < 0 ? 0 : Math.min(stretched, 1);
        change[i] = (lower[i]! + gaps[i]! * soft[i]!) * scales[i]! - floats[i]!;
      }
      const slopes = valuesOf(() =>
        tf.matMul(tf.tensor2d(change.slice(), weight.shape as [number, number]), gramTensor),
      );
      const progress = (step / steps - WARMUP) / (1 - WARMUP);
      const beta = SHARP + (SOFT - SHARP) * (1 - Math.max(0, progress));
      const pulls = progress > 0 ? pull : 0;
      const decision = interpolatedSlope(beta);
      const [meanShare, squareShare] = [1 - 0.9 ** step, 1 - 0.999 ** step];
      for (let i = 0; i < count; i++) {
        const h = soft[i]!;
        const slide = h > 0 && h < 1 ? (STRETCH_HIGH - STRETCH_LOW) * sigmoid[i]! * (1 - sigmoid[i]!) : 0;
        const slope = 2 * slopes[i]! * scales[i]! * gaps[i]!;
        const gradient = (slope - 2 * pulls * decision(2 * h - 1)) * slide;
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
