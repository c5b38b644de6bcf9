import { type Random, SdqError } from '@sdq/core';
import { type HostTensor, sizeOf } from '../host-tensor.ts';
import type { EncoderConfig, Head } from './config.ts';
import { familyOf } from './families.ts';

/** Standard deviation of newly drawn weights (Devlin et al. 2019). */
const INITIAL_DEVIATION = 0.02;

type Shapes = Map<string, readonly number[]>;

/**
 * The name and shape of every parameter of the encoder, in the order of the Hugging Face library.
 *
 * @example
 * ```ts
 * import { encoderShapes, type EncoderConfig } from '@sdq/models';
 *
 * const table = (config: EncoderConfig) => encoderShapes(config).get('embeddings.word_embeddings.weight');
 * ```
 */
export function encoderShapes(config: EncoderConfig): ReadonlyMap<string, readonly number[]> {
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

function dense(shapes: Shapes, site: string, rows: number, columns: number): void {
  shapes.set(`${site}.weight`, [rows, columns]);
  shapes.set(`${site}.bias`, [rows]);
}

function norm(shapes: Shapes, site: string, length: number): void {
  shapes.set(`${site}.weight`, [length]);
  shapes.set(`${site}.bias`, [length]);
}
