import { type EncoderConfig, type Random, SdqError, type Site } from '@sdq/core';
import { type HostTensor, sizeOf } from '../host-tensor.ts';
import type { Head } from './config.ts';
import { familyOf } from './families.ts';
import { dense, type Shapes } from './shapes.ts';

/** Standard deviation of newly drawn weights (Devlin et al. 2019). */
const INITIAL_DEVIATION = 0.02;

/**
 * The name and shape of every parameter of the encoder, in the order of its family's checkpoints.
 *
 * @example
 * ```ts
 * import { encoderShapes, type EncoderConfig, wordTable } from '@sdq/models';
 *
 * const table = (config: EncoderConfig) => encoderShapes(config).get(wordTable(config));
 * ```
 */
export function encoderShapes(config: EncoderConfig): ReadonlyMap<string, readonly number[]> {
  return familyOf(config.family).parameters(config);
}

/** The site of the word embeddings. */
export function wordSite(config: EncoderConfig): Site {
  return wordTable(config).replace(/\.weight$/, '');
}

/**
 * The name of the table of word pieces: the largest parameter, shared by every version of a model while it is frozen.
 *
 * @throws SdqError 'missing-tensor' when the family has no such table
 */
export function wordTable(config: EncoderConfig): string {
  const { roleOf } = familyOf(config.family);
  for (const name of encoderShapes(config).keys()) if (roleOf(name)?.role === 'word-embedding') return name;
  throw new SdqError('missing-tensor', `The family ${config.family} has no table of word embeddings.`);
}

/**
 * Whether a parameter or site belongs to a head's own layers, which stand outside the family's prefix; the pooler
 * does not.
 */
export function isInHead(name: string): boolean {
  return /^(classifier|qa_outputs)(\.|$)/.test(name);
}

/** The parameters to read: encoder, head, and what else a head may start from where the checkpoint has it. */
export function wantedShapes(
  config: EncoderConfig,
  head: Head | undefined,
  available: { has(name: string): boolean },
): ReadonlyMap<string, readonly number[]> {
  const wanted = new Map(encoderShapes(config));
  const optional = familyOf(config.family).optionalParameters(config);
  const [first] = optional.keys();
  if (first !== undefined && available.has(first)) {
    for (const [name, shape] of optional) wanted.set(name, shape);
  }
  if (head !== undefined) for (const [name, shape] of headShapes(config, head)) wanted.set(name, shape);
  return wanted;
}

/** The name and shape of every parameter of a head, a BERT sequence head's pooler included. */
export function headShapes(config: EncoderConfig, head: Head): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize: hidden } = config;
  const shapes: Shapes = new Map();
  switch (head.kind) {
    case 'question-answering':
      dense(shapes, 'qa_outputs', 2, hidden);
      break;
    case 'token-classification':
      dense(shapes, 'classifier', head.labels.length, hidden);
      break;
    case 'sequence-classification': {
      const names = familyOf(config.family).sequenceHead;
      dense(shapes, names.dense, hidden, hidden);
      dense(shapes, names.output, head.labels.length, hidden);
    }
  }
  return shapes;
}

/**
 * A new head's parameters: weights drawn from N(0, 0.02), zero biases.
 *
 * @throws SdqError 'bad-option' when the head has no labels
 *
 * @example
 * ```ts
 * import { Random } from '@sdq/core';
 * import { initialHead, type EncoderConfig } from '@sdq/models';
 *
 * const draw = (config: EncoderConfig) =>
 *   initialHead(config, { kind: 'token-classification', labels: ['NOUN', 'VERB'] }, new Random(0));
 * ```
 */
export function initialHead(config: EncoderConfig, head: Head, random: Random): Map<string, HostTensor> {
  if (head.labels.length === 0) throw new SdqError('bad-option', 'A head needs at least one label.');
  const tensors = new Map<string, HostTensor>();
  for (const [name, shape] of headShapes(config, head)) {
    const data = new Float32Array(sizeOf(shape));
    // Each parameter has a stream of its own, so that its values do not depend on the others'.
    const stream = random.fork(name);
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i] = INITIAL_DEVIATION * stream.normal();
    tensors.set(name, { shape, data });
  }
  return tensors;
}
