import { type EncoderOps, type PackedBatch, SdqError } from '@sdq/core';
import { type EncoderConfig, type Head, maxSequenceLength } from './config.ts';
import { familyOf } from './families.ts';

/** Packed sequences, with the token type of each token where the model has types; all are 0 without. */
export interface EncoderBatch extends PackedBatch {
  /** [tokens], each below the number of token types. */
  readonly tokenTypes?: Int32Array;
}

/** Finds a parameter by its name in the checkpoint (`encoder.layer.0.output.dense.weight`). */
export type Parameters<T> = ReadonlyMap<string, T> | ((name: string) => T);

/**
 * The hidden states of a batch, [tokens, hidden]: BERT's post-LN encoder (Devlin et al. 2019, arXiv 1810.04805),
 * which XLM-R and InfoXLM share.
 *
 * Names of sites are those of the Hugging Face library. Taps, each what the module of that name gives: `embeddings`, and
 * per layer i `encoder.layer.{i}.attention.self.query`, `.key` and `.value`, `encoder.layer.{i}.attention.self.output`
 * (the heads' outputs before the output projection, which Att-KLD distils), `encoder.layer.{i}.attention.output.dense`
 * and `encoder.layer.{i}.output.dense` (before dropout and residual sum), `encoder.layer.{i}.attention.output` and
 * `encoder.layer.{i}.output` (after the LayerNorm). There is dropout after the
 * embeddings' layer norm and after both dense layers that end in a residual sum; unlike in the Hugging Face
 * library there is none on the attention probabilities, which a fused attention kernel never holds.
 *
 * @param batch - its `ids` go to `ops.embed` untouched, so they may be rows of a compacted table
 * @throws SdqError 'too-long' when a sequence has more tokens than the model has positions, 'bad-data' when the
 * offsets or token types do not fit, 'missing-tensor' when a parameter lacks
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
  const scope = (run: () => T) => ops.scope?.(run) ?? run();
  let hidden = scope(() => embeddings(ops, config, find, batch));
  for (let i = 0; i < config.layers; i++) {
    const layer = `encoder.layer.${i}`;
    const x = hidden;
    hidden = scope(() => {
      const attended = attentionBlock(ops, config, find, layer, x, batch);
      return feedForwardBlock(ops, config, find, layer, attended);
    });
  }
  return hidden;
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

type Find<T> = (name: string) => T;

function lookup<T>(parameters: Parameters<T>): Find<T> {
  if (typeof parameters === 'function') return parameters;
  return (name) => {
    const found = parameters.get(name);
    if (found === undefined) throw new SdqError('missing-tensor', `The model has no parameter "${name}".`);
    return found;
  };
}

function embeddings<T>(ops: EncoderOps<T>, config: EncoderConfig, find: Find<T>, batch: EncoderBatch): T {
  const pick = (site: string, ids: Int32Array) => ops.embed(site, ids, find(`${site}.weight`));
  const words = pick('embeddings.word_embeddings', batch.ids);
  const types = pick(
    'embeddings.token_type_embeddings',
    batch.tokenTypes ?? new Int32Array(batch.ids.length),
  );
  const positions = pick('embeddings.position_embeddings', positionIds(config, batch));
  const sum = ops.add(ops.add(words, types), positions);
  const normed = layerNorm(ops, config, find, 'embeddings.LayerNorm', sum);
  return ops.tap('embeddings', ops.dropout(normed, config.hiddenDropout));
}

function attentionBlock<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: Find<T>,
  layer: string,
  x: T,
  batch: PackedBatch,
): T {
  const self = `${layer}.attention.self`;
  const query = tappedLinear(ops, find, `${self}.query`, x);
  const key = tappedLinear(ops, find, `${self}.key`, x);
  const value = tappedLinear(ops, find, `${self}.value`, x);
  const context = ops.tap(`${self}.output`, ops.attention(self, query, key, value, batch, config.heads));
  return residual(ops, config, find, `${layer}.attention.output`, context, x);
}

function feedForwardBlock<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: Find<T>,
  layer: string,
  x: T,
): T {
  const wide = ops.gelu(linear(ops, find, `${layer}.intermediate.dense`, x));
  return residual(ops, config, find, `${layer}.output`, wide, x);
}

function residual<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: Find<T>,
  site: string,
  x: T,
  skipped: T,
): T {
  const dense = ops.dropout(tappedLinear(ops, find, `${site}.dense`, x), config.hiddenDropout);
  return ops.tap(site, layerNorm(ops, config, find, `${site}.LayerNorm`, ops.add(dense, skipped)));
}

function linear<T>(ops: EncoderOps<T>, find: Find<T>, site: string, x: T): T {
  return ops.linear(site, x, find(`${site}.weight`), find(`${site}.bias`));
}

function tappedLinear<T>(ops: EncoderOps<T>, find: Find<T>, site: string, x: T): T {
  return ops.tap(site, linear(ops, find, site, x));
}

function layerNorm<T>(ops: EncoderOps<T>, config: EncoderConfig, find: Find<T>, site: string, x: T): T {
  return ops.layerNorm(site, x, find(`${site}.weight`), find(`${site}.bias`), config.layerNormEpsilon);
}

/** The position of each token in its own sequence, [tokens]. */
function positionIds(config: EncoderConfig, { ids, offsets }: PackedBatch): Int32Array {
  const first = familyOf(config.family).firstPosition(config.padId);
  const positions = new Int32Array(ids.length);
  for (let i = 0; i + 1 < offsets.length; i++) {
    const start = offsets[i]!;
    for (let row = start; row < offsets[i + 1]!; row++) positions[row] = first + row - start;
  }
  return positions;
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
