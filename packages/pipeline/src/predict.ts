import { yieldToEvents } from '@sdq/core';
import type { EncoderBatch } from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { type Batch, groupByTokens, packBatch } from './batches.ts';
import type { EncodedExample } from './encoded-example.ts';
import type { Classifier } from './encoder-model.ts';
import { bestSpans, type Span } from './spans.ts';

const TOKENS_PER_BATCH = 2048;

/** A classifier that runs outside of tfjs, such as an exported model under its own runtime. */
export interface ExternalClassifier {
  logits(
    batch: EncoderBatch,
  ): Promise<{ readonly shape: readonly [rows: number, columns: number]; readonly data: Float32Array }>;
}

/**
 * The class of each example (a list of one), or of each of its words; -1 for a word that was cut off.
 *
 * @param classify - runs inside `tf.tidy`
 * @param onTokens - told after each batch how many tokens are done
 */
export async function predictClasses(
  classify: Classifier | ExternalClassifier,
  examples: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): Promise<Int32Array[]> {
  const predictions = new Array<Int32Array>(examples.length);
  for await (const { batch, logits, columns } of classified(classify, examples, onTokens)) {
    const classes = rowArgMax(logits, columns);
    batch.examples.forEach((example, i) => {
      const { firstPiece } = examples[example]!;
      const first = batch.offsets[i]!;
      predictions[example] = firstPiece
        ? firstPiece.map((row) => (row < 0 ? -1 : classes[first + row]!))
        : classes.slice(i, i + 1);
    });
  }
  return predictions;
}

/**
 * The best answers in each window of a question and its context, best first.
 *
 * @param classify - runs inside `tf.tidy`
 * @param windows - examples with a `window`
 * @param onTokens - told after each batch how many tokens are done
 */
export async function predictSpans(
  classify: Classifier | ExternalClassifier,
  windows: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): Promise<Span[][]> {
  const predictions = new Array<Span[]>(windows.length);
  for await (const { batch, logits } of classified(classify, windows, onTokens)) {
    batch.examples.forEach((example, i) => {
      const own = logits.subarray(2 * batch.offsets[i]!, 2 * batch.offsets[i + 1]!);
      predictions[example] = bestSpans(own, windows[example]!.window!);
    });
  }
  return predictions;
}

async function* classified(
  classify: Classifier | ExternalClassifier,
  examples: readonly EncodedExample[],
  onTokens: (tokens: number) => void,
): AsyncGenerator<{ readonly batch: Batch; readonly logits: Float32Array; readonly columns: number }> {
  let tokens = 0;
  const lengths = examples.map(({ ids }) => ids.length);
  for (const group of groupByTokens(lengths, TOKENS_PER_BATCH)) {
    const batch = packBatch(examples, group);
    const { columns, values } = await logitsOfBatch(classify, batch);
    yield { batch, logits: values, columns };
    tokens += batch.ids.length;
    onTokens(tokens);
    await yieldToEvents();
  }
}

/** The logits of a batch, row by row: {@link Classifier} says of what. */
export async function logitsOfBatch(
  classify: Classifier | ExternalClassifier,
  batch: EncoderBatch,
): Promise<{ columns: number; values: Float32Array }> {
  if (typeof classify !== 'function') {
    const { shape, data } = await classify.logits(batch);
    return { columns: shape[1], values: data };
  }
  const logits = tf.tidy(() => classify(batch));
  const [, columns] = logits.shape as [number, number];
  const values = logits.dataSync() as Float32Array;
  logits.dispose();
  return { columns, values };
}

/** The column of the largest value of each row, the first of equals. */
export function rowArgMax(values: Float32Array, columns: number): Int32Array {
  const best = new Int32Array(values.length / columns);
  for (let row = 0; row < best.length; row++) {
    const first = row * columns;
    for (let column = 1; column < columns; column++) {
      if (values[first + column]! > values[first + best[row]!]!) best[row] = column;
    }
  }
  return best;
}
