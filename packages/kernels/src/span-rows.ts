import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { matrixShape, requireShape } from './shapes.ts';

/** Stands where a sequence has no token: far enough below any logit that its probability is 0. */
const PADDING_LOGIT = -1e4;

/**
 * The logits of a span head as one row a distribution: for each packed sequence a row over its own tokens for the
 * start of the answer and one for its end, so that the losses over rows of classes serve for spans too.
 *
 * @param logits - [tokens, 2]: start and end
 * @param offsets - [sequences + 1], where each sequence begins in the packed tokens
 * @returns [2 * sequences, longest sequence]: start and end of the first sequence, start and end of the second, ...;
 * places after a sequence's last token have probability 0 and no gradient
 * @throws SdqError `bad-shape`
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { softmaxCrossEntropy, spanRows } from '@sdq/kernels';
 *
 * const logits = tf.tensor2d([[1, 2], [3, 4], [5, 6]]);
 * const rows = spanRows(logits, Int32Array.of(0, 1, 3)); // [[1, -1e4], [2, -1e4], [3, 5], [4, 6]]
 * softmaxCrossEntropy(rows, Int32Array.of(0, 0, 1, 1)); // the mean over starts and ends
 * ```
 */
export function spanRows(logits: tf.Tensor, offsets: Int32Array): tf.Tensor2D {
  const [tokens, columns] = matrixShape('spanRows', 'logits', logits);
  requireShape(columns === 2, () => `spanRows: logits have ${columns} columns, not a start and an end.`);
  requireShape(
    offsets.at(-1) === tokens,
    () => `spanRows: the offsets end at ${offsets.at(-1)}, but there are ${tokens} tokens.`,
  );
  const sequences = offsets.length - 1;
  let width = 0;
  for (let i = 0; i < sequences; i++) width = Math.max(width, offsets[i + 1]! - offsets[i]!);
  // Where each place of a row is read from, in the flat logits with the padding at the end; and the way back.
  const from = new Int32Array(2 * sequences * width).fill(2 * tokens);
  const back = new Int32Array(2 * tokens);
  for (let i = 0; i < sequences; i++) {
    for (let token = offsets[i]!; token < offsets[i + 1]!; token++) {
      for (let side = 0; side < 2; side++) {
        const place = (2 * i + side) * width + token - offsets[i]!;
        from[place] = 2 * token + side;
        back[2 * token + side] = place;
      }
    }
  }
  return withGradient(
    logits,
    (x) => {
      const padded = tf.concat1d([x.reshape<tf.Tensor1D>([2 * tokens]), tf.tensor1d([PADDING_LOGIT])]);
      return tf.gather(padded, tf.tensor1d(from, 'int32')).reshape([2 * sequences, width]) as tf.Tensor2D;
    },
    (dy) => tf.gather(dy.reshape([from.length]), tf.tensor1d(back, 'int32')).reshape([tokens, 2]),
  );
}
