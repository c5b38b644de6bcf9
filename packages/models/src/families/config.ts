import { SdqError } from '@sdq/core';
import { z } from 'zod';
import { type FamilyName, familyOf } from './families.ts';
import { type HeadKind, headClassNames } from './head-kind.ts';

// Bounds on what a file may ask for, each well above any published multilingual encoder (XLM-R XXL: hidden
// 4096, 48 layers; mT5's vocabulary: 250,112), so that a corrupt file cannot make us allocate without end.
const MAX_HIDDEN = 16_384;
const MAX_LAYERS = 256;
const MAX_HEADS = 512;
const MAX_INTERMEDIATE = 131_072;
const MAX_VOCABULARY = 4_194_304;
const MAX_POSITIONS = 131_072;
const MAX_TOKEN_TYPES = 64;
const MAX_LABELS = 65_536;

/** The sizes and settings of an encoder. */
export interface EncoderConfig {
  readonly family: FamilyName;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  /** Rows of the position table; XLM-R's sequences may be shorter than that, see {@link maxSequenceLength}. */
  readonly positions: number;
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
  readonly hiddenDropout: number;
  readonly classifierDropout: number;
  readonly padId: number;
}

/** A head on the encoder: what it decides, and the names of its outputs. */
export interface Head {
  readonly kind: HeadKind;
  readonly labels: readonly string[];
}

/** What config.json says: the encoder, and the head if the checkpoint has one. */
export interface ModelConfig {
  readonly config: EncoderConfig;
  readonly head: Head | undefined;
  /** `quantization_config`, as it stands in the file. */
  readonly quantization: unknown;
}

const count = (max: number) => z.int().min(1).max(max);
const share = z.number().min(0).lt(1);

const fileSchema = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
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
  id2label: z.record(z.string(), z.string()).nullish(),
  quantization_config: z.unknown().optional(),
});

/**
 * The encoder and head that a Hugging Face config.json describes.
 *
 * @param json - the file's content, parsed
 * @param source - the file's name, for errors
 * @throws SdqError 'bad-checkpoint' when a field lacks or is out of bounds, or the model is of a kind that the
 * encoder does not cover
 *
 * @example
 * ```ts
 * import { parseConfig } from '@sdq/models';
 *
 * const { config } = parseConfig(
 *   {
 *     model_type: 'bert', hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4,
 *     intermediate_size: 64, vocab_size: 120, max_position_embeddings: 40,
 *   },
 *   'config.json',
 * );
 * config.layers; // 2
 * ```
 */
export function parseConfig(json: unknown, source: string): ModelConfig {
  const bad = (problem: string) => new SdqError('bad-checkpoint', `${source}: ${problem}.`);
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') || 'the file';
    throw bad(`${field} is not usable (${issue?.message ?? 'invalid'})`);
  }
  const file = parsed.data;
  const family = familyOf(file.model_type);
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
    family: family.name,
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
    padId: file.pad_token_id ?? family.defaultPadId,
  };
  if (maxSequenceLength(config) < 1) {
    throw bad(
      `max_position_embeddings ${config.positions} leaves no position behind pad_token_id ${config.padId}`,
    );
  }
  return {
    config,
    head: parseHead(file.architectures, file.id2label, bad),
    quantization: file.quantization_config,
  };
}

function parseHead(
  architectures: readonly string[] | null | undefined,
  id2label: Readonly<Record<string, string>> | null | undefined,
  bad: (problem: string) => SdqError,
): Head | undefined {
  for (const [kind, suffix] of headClassNames) {
    if (!architectures?.some((name) => name.endsWith(suffix))) continue;
    if (kind === 'question-answering') return { kind, labels: ['start', 'end'] };
    // Without id2label the Hugging Face library means two labels.
    const entries = Object.entries(id2label ?? { 0: 'LABEL_0', 1: 'LABEL_1' });
    if (entries.length > MAX_LABELS) throw bad(`id2label names more than ${MAX_LABELS} labels`);
    const labels: string[] = [];
    for (let id = 0; id < entries.length; id++) {
      const label = entries.find(([key]) => key === String(id))?.[1];
      if (label === undefined) throw bad(`id2label lacks the label ${id}`);
      labels.push(label);
    }
    return { kind, labels };
  }
  return undefined;
}

/**
 * The most tokens that a sequence may have, special tokens included.
 *
 * @example
 * ```ts
 * import { type EncoderConfig, maxSequenceLength } from '@sdq/models';
 *
 * const length = (config: EncoderConfig) => maxSequenceLength(config); // 512 for XLM-R-Base's 514 positions
 * ```
 */
export function maxSequenceLength(config: EncoderConfig): number {
  return config.positions - familyOf(config.family).firstPosition(config.padId);
}

/** The content of config.json for a model: what {@link parseConfig} reads, and the Hugging Face library too. */
export function configFile(config: EncoderConfig, head: Head | undefined): Record<string, unknown> {
  const family = familyOf(config.family);
  const suffix = head === undefined ? 'Model' : headClassNames.get(head.kind)!;
  const labels = head === undefined || head.kind === 'question-answering' ? undefined : head.labels;
  return {
    architectures: [family.className + suffix],
    model_type: config.family,
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
    ...(labels === undefined
      ? {}
      : {
          id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
          label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
        }),
  };
}
