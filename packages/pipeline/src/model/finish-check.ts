import type { FinishCheck } from '@sdq/core/results';
import type { Classifier, EncoderBatch } from '@sdq/models';
import { logitsOfBatch, rowArgMax } from '@sdq/serve';

/** Logits and the number of their columns. */
type BatchLogits = Awaited<ReturnType<typeof logitsOfBatch>>;

/**
 * How large a difference may be for logits to count as equal, as a share of the largest logit: above float rounding, and
 * below what one value does that rounding moves to the next step of its grid.
 */
export const FINISH_TOLERANCE = 1e-3;

/** The logits of each batch, row by row. */
export async function logitsOn(
  classify: Classifier,
  batches: readonly EncoderBatch[],
): Promise<BatchLogits[]> {
  const shown: BatchLogits[] = [];
  for (const batch of batches) shown.push(await logitsOfBatch(classify, batch));
  return shown;
}

/** Compares what two models show for the same batches. */
export function compareLogits(
  trained: readonly BatchLogits[],
  finished: readonly BatchLogits[],
): FinishCheck {
  let [largestDifference, largestLogit, rows, same] = [0, 0, 0, 0];
  for (const [batch, { values, columns }] of trained.entries()) {
    const other = finished[batch]!.values;
    for (const [i, value] of values.entries()) {
      // Math.max keeps NaN, which is equal to nothing.
      largestDifference = Math.max(largestDifference, Math.abs(value - other[i]!));
      largestLogit = Math.max(largestLogit, Math.abs(value));
    }
    const [best, otherBest] = [rowArgMax(values, columns), rowArgMax(other, columns)];
    rows += best.length;
    same += best.filter((column, row) => column === otherBest[row]).length;
  }
  return {
    largestDifference,
    largestLogit,
    samePredictions: same / rows,
    equal: largestDifference <= FINISH_TOLERANCE * largestLogit,
  };
}

/** The mean squared difference of two models' logits on the same batches. */
export function logitDistance(a: readonly BatchLogits[], b: readonly BatchLogits[]): number {
  let [sum, count] = [0, 0];
  for (const [batch, { values }] of a.entries()) {
    const other = b[batch]!.values;
    for (const [i, value] of values.entries()) sum += (value - other[i]!) ** 2;
    count += values.length;
  }
  return sum / count;
}
