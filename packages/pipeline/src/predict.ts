import type { EncoderBatch } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { groupByTokens, packBatch } from './batches.ts';
import type { EncodedExample } from './encoded-example.ts';
import { yieldToEvents } from './yield-to-events.ts';

const TOKENS_PER_BATCH = 2048;

/** Maps packed sequences to logits, [sequences, classes] or [tokens, classes]. */
export type Classifier = (batch: EncoderBatch) => tf.Tensor;

/**
 * The class of each example (a list of one), or of each of its words; -1 for a word that was cut off.
 *
 * @param classify - runs inside `tf.tidy`
 * @param onTokens - told after each batch how many tokens are done
 */
export async function predictClasses(
  classify: Classifier,
  examples: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): Promise<Int32Array[]> {
  const predictions = new Array<Int32Array>(examples.length);
  let tokens = 0;
  for (const group of groupByTokens(
    examples.map(({ ids }) => ids.length),
    TOKENS_PER_BATCH,
  )) {
    const batch = packBatch(examples, group);
    const logits = tf.tidy(() => classify(batch));
    const classes = rowArgMax(logits);
    logits.dispose();
    group.forEach((example, i) => {
      const { firstPiece } = examples[example]!;
      const first = batch.offsets[i]!;
      predictions[example] = firstPiece
        ? firstPiece.map((row) => (row < 0 ? -1 : classes[first + row]!))
        : classes.slice(i, i + 1);
    });
    tokens += batch.ids.length;
    onTokens(tokens);
    await yieldToEvents();
  }
  return predictions;
}

function rowArgMax(logits: tf.Tensor): Int32Array {
  const [rows, columns] = logits.shape as [number, number];
  const values = logits.dataSync();
  const best = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const first = row * columns;
    for (let column = 1; column < columns; column++) {
      if (values[first + column]! > values[first + best[row]!]!) best[row] = column;
    }
  }
  return best;
}
