import {
  type EncoderBatch,
  type EncoderConfig,
  type EncoderOps,
  type FindParameter,
  type PackedBatch,
  SdqError,
} from '@sdq/core';
import { type Head, maxSequenceLength } from './config.ts';
import { familyOf } from './families.ts';
import { linear } from './linear.ts';

/** Finds a parameter by its name in the checkpoint (`encoder.layer.0.output.dense.weight`). */
export type Parameters<T> = ReadonlyMap<string, T> | ((name: string) => T);

/**
 * The hidden states of a batch, [tokens, hidden], as the family of the model computes them.
 *
 * @param batch - its `ids` go to `ops.embed` untouched, so they may be rows of a compacted table
 * @throws SdqError 'too-long' when a sequence has more tokens than the model has positions, 'bad-data' when the
 * offsets or token types do not fit, 'missing-tensor' when a parameter is missing
 *
 * @example
 * ```ts
 * import { FloatOps, encode, type EncoderConfig } from '@sdq/models';
 * import type { Tensor } from '@tensorflow/tfjs';
 *
 * function hidden(config: EncoderConfig, parameters: Map<string, Tensor>) {
 *   const batch = { ids: Int32Array.of(0, 9, 2, 0, 2), offsets: Int32Array.of(0, 3, 5) };
 *   return encode(new FloatOps(), config, parameters, batch); // [5, hidden]
 * }
 * ```
 */
export function encode<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  parameters: Parameters<T>,
  batch: EncoderBatch,
): T {
  const find = lookup(parameters);
  checkBatch(config, batch);
  return familyOf(config.family).forward(ops, config, find, batch);
}

/**
 * The hidden states [tokens, hidden] of a batch and its head's logits: [sequences, labels] for a sequence head,
 * [tokens, labels] for a token head, [tokens, 2] (start, end) for question answering.
 *
 * @throws SdqError as {@link encode} does
 *
 * @example
 * ```ts
 * import { FloatOps, forward, type Checkpoint, type Head } from '@sdq/models';
 * import * as tf from '@tensorflow/tfjs';
 *
 * function predict({ config, tensors }: Checkpoint, head: Head, ids: Int32Array) {
 *   const parameters = new Map([...tensors].map(([name, t]) => [name, tf.tensor(t.data, [...t.shape])]));
 *   const batch = { ids, offsets: Int32Array.of(0, ids.length) };
 *   return forward(new FloatOps(), config, parameters, batch, head).logits;
 * }
 * ```
 */
export function forward<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  parameters: Parameters<T>,
  batch: EncoderBatch,
  head: Head,
): { readonly hidden: T; readonly logits: T } {
  const hidden = encode(ops, config, parameters, batch);
  return { hidden, logits: applyHead(ops, config, parameters, hidden, batch, head) };
}

/** The head's logits from hidden states, with dropout where the Hugging Face library has it. */
export function applyHead<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  parameters: Parameters<T>,
  hidden: T,
  batch: PackedBatch,
  head: Head,
): T {
  const find = lookup(parameters);
  const drop = (x: T) => ops.dropout(x, config.classifierDropout);
  switch (head.kind) {
    case 'question-answering':
      return linear(ops, find, 'qa_outputs', hidden);
    case 'token-classification':
      return linear(ops, find, 'classifier', drop(hidden));
    case 'sequence-classification': {
      const { dense, output, dropoutFirst } = familyOf(config.family).sequenceHead;
      for (let i = 0; i + 1 < batch.offsets.length; i++) {
        if (batch.offsets[i] === batch.offsets[i + 1]) {
          throw new SdqError('bad-data', `Sequence ${i} has no tokens: a sequence head needs at least one.`);
        }
      }
      const first = ops.firstTokens(hidden, batch);
      const pooled = ops.tanh(linear(ops, find, dense, dropoutFirst ? drop(first) : first));
      return linear(ops, find, output, drop(pooled));
    }
  }
}

function lookup<T>(parameters: Parameters<T>): FindParameter<T> {
  if (typeof parameters === 'function') return parameters;
  return (name) => {
    const found = parameters.get(name);
    if (found === undefined) throw new SdqError('missing-tensor', `The model has no parameter "${name}".`);
    return found;
  };
}

function checkBatch(config: EncoderConfig, { ids, offsets, tokenTypes }: EncoderBatch): void {
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== ids.length) {
    throw new SdqError('bad-data', `The batch's offsets must run from 0 to its ${ids.length} tokens.`);
  }
  const longest = maxSequenceLength(config);
  for (let i = 0; i + 1 < offsets.length; i++) {
    const length = offsets[i + 1]! - offsets[i]!;
    if (length < 0) throw new SdqError('bad-data', `The batch's offsets fall at sequence ${i}.`);
    if (length > longest) {
      throw new SdqError(
        'too-long',
        `Sequence ${i} has ${length} tokens: the model takes at most ${longest}.`,
      );
    }
  }
  if (tokenTypes === undefined) return;
  if (tokenTypes.length !== ids.length) {
    throw new SdqError(
      'bad-data',
      `The batch has ${ids.length} tokens but ${tokenTypes.length} token types.`,
    );
  }
  const wrong = tokenTypes.find((type) => type < 0 || type >= config.tokenTypes);
  if (wrong !== undefined) {
    throw new SdqError('bad-data', `Token type ${wrong} is not one of the model's ${config.tokenTypes}.`);
  }
}
