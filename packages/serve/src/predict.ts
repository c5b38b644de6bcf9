import { SdqError, yieldToEvents } from '@sdq/core';
import {
  type Classifier,
  type EncodedExample,
  type EncoderBatch,
  groupByTokens,
  packBatch,
} from '@sdq/models';
import * as tf from '@tensorflow/tfjs';
import { bestSpans, type Span } from './spans.ts';

const TOKENS_PER_BATCH = 2048;

/** A classifier that runs outside of tfjs, such as an exported model under its own runtime. */
export interface ExternalClassifier {
  logits(
    batch: EncoderBatch,
  ): Promise<{ readonly shape: readonly [rows: number, columns: number]; readonly data: Float32Array }>;
}

/** What a model says of one example. */
export interface ExampleLogits {
  /** Which example this is. */
  readonly example: number;
  /** Row by row: one row for an example of texts; for one of words, or a window, a row a token. */
  readonly logits: Float32Array;
  readonly columns: number;
}

/**
 * The class of each example (a list of one), or of each of its words; -1 for a word that was cut off.
 *
 * @param classify - runs inside `tf.tidy`
 * @param onTokens - told after each batch how many tokens are done
 * @throws SdqError `bad-value` when a logit is not finite: a class chosen by it would say nothing
 */
export async function predictClasses(
  classify: Classifier | ExternalClassifier,
  examples: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): Promise<Int32Array[]> {
  const predictions = new Array<Int32Array>(examples.length);
  for await (const { example, logits, columns } of exampleLogits(classify, examples, onTokens)) {
    requireFiniteLogits(logits);
    const classes = rowArgMax(logits, columns);
    const { firstPiece } = examples[example]!;
    predictions[example] = firstPiece ? firstPiece.map((row) => (row < 0 ? -1 : classes[row]!)) : classes;
  }
  return predictions;
}

/**
 * The best answers in each window of a question and its context, best first.
 *
 * @param classify - runs inside `tf.tidy`
 * @param windows - examples with a `window`
 * @param onTokens - told after each batch how many tokens are done
 * @throws SdqError `bad-value` when a logit is not finite
 */
export async function predictSpans(
  classify: Classifier | ExternalClassifier,
  windows: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): Promise<Span[][]> {
  const predictions = new Array<Span[]>(windows.length);
  for await (const { example, logits } of exampleLogits(classify, windows, onTokens)) {
    requireFiniteLogits(logits);
    predictions[example] = bestSpans(logits, windows[example]!.window!);
  }
  return predictions;
}

/**
 * The logits of each example, in the order in which they are computed: batches of like length.
 *
 * @param classify - runs inside `tf.tidy`
 * @param onTokens - told after each batch how many tokens are done
 */
export async function* exampleLogits(
  classify: Classifier | ExternalClassifier,
  examples: readonly EncodedExample[],
  onTokens: (tokens: number) => void = () => {},
): AsyncGenerator<ExampleLogits> {
  let tokens = 0;
  const lengths = examples.map(({ ids }) => ids.length);
  for (const group of groupByTokens(lengths, TOKENS_PER_BATCH)) {
    const batch = packBatch(examples, group);
    const { columns, values } = await logitsOfBatch(classify, batch);
    for (const [i, example] of batch.examples.entries()) {
      const { firstPiece, window } = examples[example]!;
      const [from, to] = firstPiece || window ? [batch.offsets[i]!, batch.offsets[i + 1]!] : [i, i + 1];
      yield { example, logits: values.subarray(columns * from, columns * to), columns };
    }
    tokens += batch.ids.length;
    onTokens(tokens);
    await yieldToEvents();
  }
}

/** @throws SdqError `bad-value` when a logit is not finite */
export function requireFiniteLogits(logits: Float32Array): void {
  const bad = logits.find((value) => !Number.isFinite(value));
  if (bad === undefined) return;
  throw new SdqError(
    'bad-value',
    `The model gave the logit ${bad} for a text: its weights overflow or are damaged, so it has no answer.`,
  );
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
