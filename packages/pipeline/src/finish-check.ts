import type { EncoderBatch } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import type { Classifier } from './predict.ts';

/** How the finished integer model's logits differ from those of the fake-quantized model that was trained. */
export interface FinishCheck {
  readonly largestDifference: number;
  readonly largestLogit: number;
  /** The share of rows of logits whose largest is the same, in [0, 1]. */
  readonly samePredictions: number;
  /** Whether the largest difference is at most {@link FINISH_TOLERANCE} of the largest logit. */
  readonly equal: boolean;
}

/**
 * How large a difference may be for logits to count as equal, as a share of the largest logit: above float rounding, and
 * below what one value does that rounding moves to the next step of its grid.
 */
export const FINISH_TOLERANCE = 1e-3;

/** The logits of each batch, as arrays and the number of their columns. */
export function logitsOn(
  classify: Classifier,
  batches: readonly EncoderBatch[],
): { readonly values: Float32Array; readonly columns: number }[] {
  return batches.map((batch) => {
    const logits = tf.tidy(() => classify(batch));
    const shown = { values: Float32Array.from(logits.dataSync()), columns: logits.shape.at(-1)! };
    logits.dispose();
    return shown;
  });
}

/** Compares what two models show for the same batches. */
export function compareLogits(
  trained: ReturnType<typeof logitsOn>,
  finished: ReturnType<typeof logitsOn>,
): FinishCheck {
  let [largestDifference, largestLogit, rows, same] = [0, 0, 0, 0];
  trained.forEach(({ values, columns }, batch) => {
    const other = finished[batch]!.values;
    for (let start = 0; start < values.length; start += columns) {
      let [best, otherBest] = [start, start];
      for (let i = start; i < start + columns; i++) {
        // Math.max keeps NaN, which is equal to nothing.
        largestDifference = Math.max(largestDifference, Math.abs(values[i]! - other[i]!));
        largestLogit = Math.max(largestLogit, Math.abs(values[i]!));
        if (values[i]! > values[best]!) best = i;
        if (other[i]! > other[otherBest]!) otherBest = i;
      }
      rows += 1;
      if (best === otherBest) same += 1;
    }
  });
  return {
    largestDifference,
    largestLogit,
    samePredictions: same / rows,
    equal: largestDifference <= FINISH_TOLERANCE * largestLogit,
  };
}
