import { type QuantizedRows, SdqError, type Site, type WeightQuantizer } from '@sdq/core';
import { notFinite } from '@sdq/kernels';
import type { Tensor } from '@tensorflow/tfjs';
import { type Gram, rowErrors } from '../gram.ts';
import { floatsOf } from './weight-quantizers.ts';

/** The least integer that an int8 holds. */
const LEAST = -128;

/** The grid on which a plan's quantizer puts a weight, for methods that choose among its levels themselves. */
export class LevelGrid {
  /** [out * in], the weight in floats. */
  readonly weight: Float32Array;
  /** The weight as the quantizer itself rounds it, with the scales of the grid. */
  readonly own: QuantizedRows;
  /** How many neighbouring elements of the weight share a scale. */
  readonly size: number;
  /** By an integer in [-128, 127]: the largest level that is not above it, or else the least level. */
  private readonly floors: Int8Array;
  /** By an integer in [-128, 127]: the least level above it, or else the largest level. */
  private readonly ceilings: Int8Array;

  /**
   * @param weight - [out, in]
   * @throws SdqError `bad-option` when the quantizer states no levels, or rounds to others: names it and the site;
   * `bad-value` when a weight is not finite: names the site
   */
  constructor(weight: Tensor, quantizer: WeightQuantizer, site?: Site) {
    const levels = requireLevels(quantizer, site);
    this.weight = weight.dataSync() as Float32Array;
    if (!this.weight.every(Number.isFinite)) throw notFinite(site);
    this.own = quantizer.quantize(weight, site);
    this.size = this.own.groupSize ?? this.own.shape[1];
    if (this.own.codebook) {
      throw new SdqError(
        'bad-option',
        `${described(quantizer, site)} makes a codebook, whose entries GPTQ and AdaRound would break: round to nearest.`,
      );
    }
    const [least, largest] = [levels[0]!, levels.at(-1)!];
    const integers = Array.from({ length: 256 }, (_, i) => i + LEAST);
    this.floors = Int8Array.from(integers, (n) => levels.findLast((level) => level <= n) ?? least);
    this.ceilings = Int8Array.from(integers, (n) => levels.find((level) => level > n) ?? largest);
    const other = this.own.values.find((value) => this.below(value) !== value);
    if (other !== undefined) {
      throw new SdqError(
        'bad-option',
        `${described(quantizer, site)} states the levels ${levels.join(', ')} but rounds to ${other}: correct its "levels".`,
      );
    }
  }

  /** The scale of an element, by its index in the weight. */
  scaleAt(index: number): number {
    return this.own.scales[Math.floor(index / this.size)]!;
  }

  /** The level below a value in units of the scale, or at it; the least level for what lies below all. */
  below(value: number): number {
    return this.floors[integerOf(value)]!;
  }

  /** The level above a value in units of the scale; the largest level for what lies above all. */
  above(value: number): number {
    return this.ceilings[integerOf(value)]!;
  }

  /** The level whose multiple of a scale lies nearest; of two that are equally near the even one, else the one above. */
  nearest(value: number, scale: number): number {
    // A scale of 0 stands for a group of zeros: any level does.
    const v = scale > 0 ? Math.fround(value / scale) : value;
    const [below, above] = [this.below(v), this.above(v)];
    const difference = v - below - (above - v);
    if (difference !== 0) return difference < 0 ? below : above;
    return below % 2 === 0 && above % 2 !== 0 ? below : above;
  }

  /**
   * The integers that change the outputs least, chosen row by row among the candidates, the quantizer's own rounding and
   * the nearest levels: so the result is never worse than these.
   *
   * @param candidates - each [out * in], before which those two are preferred where the error is equal
   */
  best(gram: Gram, candidates: readonly Int8Array[]): QuantizedRows {
    const { weight, own } = this;
    const nearest = Int8Array.from(weight, (value, i) => this.nearest(value, this.scaleAt(i)));
    const distinct = nearest.some((level, i) => level !== own.values[i]) ? [nearest] : [];
    const all = [own.values, ...distinct, ...candidates].map((values) => ({
      values,
      errors: rowErrors(weight, floatsOf({ ...own, values }), gram),
    }));
    const best = own.values.slice();
    const least = all[0]!.errors.slice();
    const columns = own.shape[1];
    for (const { values, errors } of all) {
      for (let row = 0; row < errors.length; row++) {
        if (!(errors[row]! < least[row]!)) continue;
        least[row] = errors[row]!;
        best.set(values.subarray(row * columns, (row + 1) * columns), row * columns);
      }
    }
    return { ...own, values: best };
  }
}

/**
 * The levels that a quantizer states.
 *
 * @throws SdqError `bad-option` when it states none, or none that a weight of its bits can have: names it and the site
 */
export function requireLevels(quantizer: WeightQuantizer, site?: Site): readonly number[] {
  const { levels, bits } = quantizer;
  if (!levels) {
    throw new SdqError(
      'bad-option',
      `${described(quantizer, site)} does not state its levels, so GPTQ and AdaRound cannot round to its grid: round to nearest, or give it "levels".`,
    );
  }
  const limit = Math.max(1, 2 ** (bits - 1) - 1);
  const ascend = levels.every((level, i) => Number.isInteger(level) && (i === 0 || level > levels[i - 1]!));
  if (levels.length < 2 || !ascend || levels[0]! < -limit || levels.at(-1)! > limit) {
    throw new SdqError(
      'bad-option',
      `${described(quantizer, site)} states the levels ${levels.join(', ')}: give two or more ascending integers from ${-limit} to ${limit}.`,
    );
  }
  return levels;
}

function described({ name }: WeightQuantizer, site: Site | undefined): string {
  return site === undefined ? `The quantizer "${name}"` : `The quantizer "${name}" of "${site}"`;
}

/** The place in the tables of the largest integer that is not above a value. */
function integerOf(value: number): number {
  const integer = Math.floor(value);
  return integer < LEAST ? 0 : Math.min(integer - LEAST, 255);
}
