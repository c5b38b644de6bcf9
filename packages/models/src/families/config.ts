import { type EncoderConfig, SdqError } from '@sdq/core';
import { z } from 'zod';
import { badField } from './bad-field.ts';
import { familyOf, matchingFamily } from './families.ts';
import { type HeadKind, headClassNames } from './head-kind.ts';

const MAX_LABELS = 65_536;

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

const fileSchema = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  quantization_config: z.unknown().optional(),
});

/**
 * The encoder and head that a Hugging Face config.json describes.
 *
 * @param json - the file's content, parsed
 * @param source - the file's name, for errors
 * @throws SdqError 'bad-checkpoint' when a field is missing or out of bounds, or the model is of a kind that the
 * encoder does not cover; 'unknown-name' when no family matches
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
  if (!parsed.success) throw bad(badField(parsed.error));
  const file = parsed.data;
  return {
    config: matchingFamily(json, file.model_type).parse(json, source),
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
      if (label === undefined) throw bad(`id2label has no label ${id}`);
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
    ...family.configFile(config),
    ...(labels === undefined
      ? {}
      : {
          id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
          label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
        }),
  };
}
