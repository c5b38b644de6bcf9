import {
  type EncoderBatch,
  type EncoderConfig,
  type EncoderOps,
  type FindParameter,
  type ModelFamily,
  type PackedBatch,
  type Role,
  type RoleOf,
  SdqError,
  type SequenceHeadSites,
  type TapRole,
} from '@sdq/core';
import { z } from 'zod';
import { badField } from './bad-field.ts';
import { linear } from './linear.ts';
import { dense, norm, type Shapes } from './shapes.ts';

// Bounds on what a file may ask for, each well above any published multilingual encoder (XLM-R XXL: hidden
// 4096, 48 layers; mT5's vocabulary: 250,112), so that a corrupt file cannot make us allocate without end.
const MAX_HIDDEN = 16_384;
const MAX_LAYERS = 256;
const MAX_HEADS = 512;
const MAX_INTERMEDIATE = 131_072;
const MAX_VOCABULARY = 4_194_304;
const MAX_POSITIONS = 131_072;
const MAX_TOKEN_TYPES = 64;

/** How one family of post-norm encoders differs from the others, beyond its sizes. */
export interface PostNormFamily {
  readonly name: string;
  readonly prefix: string;
  readonly className: string;
  readonly firstPosition: (padId: number) => number;
  readonly sequenceHead: SequenceHeadSites;
  /** Where config.json does not tell it. */
  readonly defaultPadId: number;
}

/**
 * A family of BERT's post-LN encoders (Devlin et al. 2019, arXiv 1810.04805).
 *
 * Names of sites are those of the Hugging Face library. There are all taps of {@link TapRole}: `attention` (the heads'
 * outputs before the output projection) is what Att-KLD distils; `attention-output` and `ffn-out` are before dropout and
 * residual sum, `attention-norm` and `hidden` after the LayerNorm. There is dropout after the
 * embeddings' layer norm and after both dense layers that end in a residual sum; unlike in the Hugging Face
 * library there is none on the attention probabilities, which a fused attention kernel never holds.
 */
export function postNormFamily({ defaultPadId, ...family }: PostNormFamily): ModelFamily {
  const { name, firstPosition, sequenceHead } = family;
  const hasPooler = sequenceHead.dense === POOLER;
  return {
    ...family,
    matches: (json) => modelType(json) === name,
    parse: (json, source) => parse(name, defaultPadId, firstPosition, json, source),
    configFile,
    parameters,
    optionalParameters({ hiddenSize }) {
      const shapes: Shapes = new Map();
      if (hasPooler) dense(shapes, POOLER, hiddenSize, hiddenSize);
      return shapes;
    },
    forward: (ops, config, find, batch) => forward(ops, config, find, batch, firstPosition(config.padId)),
    roleOf,
  };
}

const POOLER = 'pooler.dense';

function modelType(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'model_type' in json ? json.model_type : undefined;
}

const count = (max: number) => z.int().min(1).max(max);
const share = z.number().min(0).lt(1);

const fileSchema = z.object({
  hidden_size: count(MAX_HIDDEN),
  num_hidden_layers: count(MAX_LAYERS),
  num_attention_heads: count(MAX_HEADS),
  intermediate_size: count(MAX_INTERMEDIATE),
  vocab_size: count(MAX_VOCABULARY),
  max_position_embeddings: count(MAX_POSITIONS),
  type_vocab_size: count(MAX_TOKEN_TYPES).default(2),
  layer_norm_eps: z.number().positive().max(0.1).default(1e-12),
  hidden_dropout_prob: share.default(0.1),
  classifier_dropout: share.nullish(),
  hidden_act: z.string().default('gelu'),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().default(false),
  pad_token_id: z.int().min(0).max(MAX_VOCABULARY).nullish(),
});

function parse(
  family: string,
  defaultPadId: number,
  firstPosition: (padId: number) => number,
  json: unknown,
  source: string,
): EncoderConfig {
  const bad = (problem: string) => new SdqError('bad-checkpoint', `${source}: ${problem}.`);
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) throw bad(badField(parsed.error));
  const file = parsed.data;
  if (file.hidden_act !== 'gelu') {
    throw bad(`unsupported hidden_act "${file.hidden_act}", only gelu is`);
  }
  if ((file.position_embedding_type ?? 'absolute') !== 'absolute') {
    throw bad(`unsupported position_embedding_type "${file.position_embedding_type}", only absolute is`);
  }
  if (file.is_decoder) throw bad('unsupported is_decoder: the model must be an encoder');
  if (file.hidden_size % file.num_attention_heads !== 0) {
    throw bad(
      `hidden_size ${file.hidden_size} is no multiple of num_attention_heads ${file.num_attention_heads}`,
    );
  }
  const config: EncoderConfig = {
    family,
    hiddenSize: file.hidden_size,
    layers: file.num_hidden_layers,
    heads: file.num_attention_heads,
    intermediateSize: file.intermediate_size,
    vocabularySize: file.vocab_size,
    positions: file.max_position_embeddings,
    tokenTypes: file.type_vocab_size,
    layerNormEpsilon: file.layer_norm_eps,
    hiddenDropout: file.hidden_dropout_prob,
    classifierDropout: file.classifier_dropout ?? file.hidden_dropout_prob,
    padId: file.pad_token_id ?? defaultPadId,
  };
  if (config.positions - firstPosition(config.padId) < 1) {
    throw bad(
      `max_position_embeddings ${config.positions} leaves no position after pad_token_id ${config.padId}`,
    );
  }
  return config;
}

function configFile(config: EncoderConfig): Record<string, unknown> {
  return {
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.intermediateSize,
    vocab_size: config.vocabularySize,
    max_position_embeddings: config.positions,
    type_vocab_size: config.tokenTypes,
    layer_norm_eps: config.layerNormEpsilon,
    hidden_dropout_prob: config.hiddenDropout,
    attention_probs_dropout_prob: 0,
    classifier_dropout: config.classifierDropout,
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
    pad_token_id: config.padId,
  };
}

function parameters(config: EncoderConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: hidden, intermediateSize: wide } = config;
  const shapes: Shapes = new Map();
  shapes.set('embeddings.word_embeddings.weight', [config.vocabularySize, hidden]);
  shapes.set('embeddings.position_embeddings.weight', [config.positions, hidden]);
  shapes.set('embeddings.token_type_embeddings.weight', [config.tokenTypes, hidden]);
  norm(shapes, 'embeddings.LayerNorm', hidden);
  for (let i = 0; i < config.layers; i++) {
    const layer = `encoder.layer.${i}`;
    for (const part of ['query', 'key', 'value'])
      dense(shapes, `${layer}.attention.self.${part}`, hidden, hidden);
    dense(shapes, `${layer}.attention.output.dense`, hidden, hidden);
    norm(shapes, `${layer}.attention.output.LayerNorm`, hidden);
    dense(shapes, `${layer}.intermediate.dense`, wide, hidden);
    dense(shapes, `${layer}.output.dense`, hidden, wide);
    norm(shapes, `${layer}.output.LayerNorm`, hidden);
  }
  return shapes;
}

/** By what follows the layer's number: the first that a name begins with. */
const LAYER_ROLES: readonly (readonly [string, Role])[] = [
  ['attention.self.query', 'query'],
  ['attention.self.key', 'key'],
  ['attention.self.value', 'value'],
  ['attention.output.dense', 'attention-output'],
  ['attention.output.LayerNorm', 'norm'],
  ['intermediate.dense', 'ffn-in'],
  ['output.dense', 'ffn-out'],
  ['output.LayerNorm', 'norm'],
];

const OTHER_ROLES: readonly (readonly [string, Role])[] = [
  ['embeddings.word_embeddings', 'word-embedding'],
  ['embeddings.position_embeddings', 'embedding'],
  ['embeddings.token_type_embeddings', 'embedding'],
  ['embeddings.LayerNorm', 'norm'],
  ['pooler', 'head'],
  ['classifier', 'head'],
  ['qa_outputs', 'head'],
];

const roleOf: RoleOf = (name) => {
  const [, layer, part] = /^encoder\.layer\.(\d+)\.(.+)$/.exec(name) ?? [];
  const begins = part ?? name;
  const roles = part === undefined ? OTHER_ROLES : LAYER_ROLES;
  const found = roles.find(([site]) => begins === site || begins.startsWith(`${site}.`));
  return found && { role: found[1], layer: layer === undefined ? undefined : Number(layer) };
};

function forward<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  batch: EncoderBatch,
  firstPosition: number,
): T {
  const scope = (run: () => T) => ops.scope?.(run) ?? run();
  let hidden = scope(() => embeddings(ops, config, find, batch, firstPosition));
  for (let i = 0; i < config.layers; i++) {
    const x = hidden;
    hidden = scope(() => {
      const attended = attentionBlock(ops, config, find, i, x, batch);
      return feedForwardBlock(ops, config, find, i, attended);
    });
  }
  return hidden;
}

function embeddings<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  batch: EncoderBatch,
  first: number,
): T {
  const pick = (site: string, ids: Int32Array) => ops.embed(site, ids, find(`${site}.weight`));
  const words = pick('embeddings.word_embeddings', batch.ids);
  const types = pick(
    'embeddings.token_type_embeddings',
    batch.tokenTypes ?? new Int32Array(batch.ids.length),
  );
  const positions = pick('embeddings.position_embeddings', positionIds(first, batch));
  const sum = ops.add(ops.add(words, types), positions);
  const normed = layerNorm(ops, config, find, 'embeddings.LayerNorm', sum);
  return ops.tap({ role: 'hidden' }, ops.dropout(normed, config.hiddenDropout));
}

function attentionBlock<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  layer: number,
  x: T,
  batch: PackedBatch,
): T {
  const site = `encoder.layer.${layer}.attention`;
  const self = `${site}.self`;
  const project = (role: 'query' | 'key' | 'value') =>
    ops.tap({ role, layer }, linear(ops, find, `${self}.${role}`, x));
  const [query, key, value] = [project('query'), project('key'), project('value')];
  const attended = ops.attention(self, query, key, value, batch, config.heads);
  const context = ops.tap({ role: 'attention', layer }, attended);
  const taps = { dense: 'attention-output', norm: 'attention-norm' } as const;
  return residual(ops, config, find, `${site}.output`, context, x, layer, taps);
}

function feedForwardBlock<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  layer: number,
  x: T,
): T {
  const site = `encoder.layer.${layer}`;
  const wide = ops.gelu(linear(ops, find, `${site}.intermediate.dense`, x));
  const taps = { dense: 'ffn-out', norm: 'hidden' } as const;
  return residual(ops, config, find, `${site}.output`, wide, x, layer, taps);
}

function residual<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  site: string,
  x: T,
  skipped: T,
  layer: number,
  taps: Readonly<Record<'dense' | 'norm', TapRole>>,
): T {
  const dense = ops.tap({ role: taps.dense, layer }, linear(ops, find, `${site}.dense`, x));
  const sum = ops.add(ops.dropout(dense, config.hiddenDropout), skipped);
  return ops.tap({ role: taps.norm, layer }, layerNorm(ops, config, find, `${site}.LayerNorm`, sum));
}

function layerNorm<T>(
  ops: EncoderOps<T>,
  config: EncoderConfig,
  find: FindParameter<T>,
  site: string,
  x: T,
): T {
  return ops.layerNorm(site, x, find(`${site}.weight`), find(`${site}.bias`), config.layerNormEpsilon);
}

/** The position of each token in its own sequence, [tokens]. */
function positionIds(first: number, { ids, offsets }: PackedBatch): Int32Array {
  const positions = new Int32Array(ids.length);
  for (let i = 0; i + 1 < offsets.length; i++) {
    const start = offsets[i]!;
    for (let row = start; row < offsets[i + 1]!; row++) positions[row] = first + row - start;
  }
  return positions;
}
