import { SdqError } from '@sdq/core';
import {
  type EncoderConfig,
  encode,
  familyOf,
  forward,
  type Head,
  type HostTensor,
  type QuantizedModel,
} from '@sdq/models';
import { GraphBuilder, MICROSOFT, type Value } from './graph-builder.ts';
import { OnnxOps } from './onnx-ops.ts';
import { type IntegerForm, QuantizedOnnxOps } from './quantized-onnx-ops.ts';
import { DataType, type ModelProto } from './schema.ts';

/** The operator set that exported graphs need: the first with LayerNormalization. */
const OPSET = 17;
const IR_VERSION = 8;

// Added to the scores of padding: the least float32, as the Hugging Face library has it.
const MASKED = -3.4028234663852886e38;

/** A model in floats, as `loadCheckpoint` gives it. */
export interface FloatModel {
  readonly config: EncoderConfig;
  readonly head: Head | undefined;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** How a model is written as a graph. */
export interface OnnxOptions {
  /** How the integers of a quantized model stand in the graph (default: `qdq`). */
  readonly form?: IntegerForm;
  /**
   * The bytes of weights (default: `uint8`, exact everywhere; `int8` is faster under onnxruntime on processors with AVX2
   * and without VNNI, but its sums saturate there).
   */
  readonly weightType?: 'uint8' | 'int8';
  /** Whether weights of at most 4 bits become onnxruntime's own MatMulNBits (default: no). */
  readonly nibbles?: boolean;
}

/**
 * The graph of a model, recorded from the encoder's own code.
 *
 * @throws SdqError 'missing-tensor'; 'bad-option' when a site has no form in ONNX, or options of integers are given for a
 * model in floats; 'bad-value' when a grid does not fit unsigned bytes
 */
export function onnxModel(model: FloatModel | QuantizedModel, options: OnnxOptions = {}): ModelProto {
  const { config, head } = model;
  if ('tensors' in model && Object.values(options).some((option) => option !== undefined)) {
    throw new SdqError(
      'bad-option',
      'The model is not quantized: its numbers can stand in the graph as floats only.',
    );
  }
  const graph = new GraphBuilder();
  // The recorder reads no values of the batch: any that the encoder accepts will do.
  const batch = { ids: Int32Array.of(0), tokenTypes: Int32Array.of(0), offsets: Int32Array.of(0, 1) };
  const inputs = { ...graphInputs(graph, config), batch, hiddenSize: config.hiddenSize };
  const ops =
    'tensors' in model
      ? new OnnxOps(graph, model.tensors, inputs)
      : new QuantizedOnnxOps(graph, model, inputs, {
          form: options.form ?? 'qdq',
          weightType: options.weightType ?? 'uint8',
          nibbles: options.nibbles ?? false,
        });
  const parameters = (name: string): Value => name;
  if (head === undefined) {
    const hidden = encode(ops, config, parameters, batch);
    graph.output(hidden, 'last_hidden_state', ['batch_size', 'sequence_length', config.hiddenSize]);
  } else {
    headOutputs(graph, forward(ops, config, parameters, batch, head).logits, head);
  }
  return {
    irVersion: IR_VERSION,
    producerName: 'sdq',
    opsetImport: [
      { domain: '', version: OPSET },
      ...(options.nibbles ? [{ domain: MICROSOFT, version: 1 }] : []),
    ],
    graph: graph.build('encoder'),
  };
}

function graphInputs(graph: GraphBuilder, config: EncoderConfig) {
  const axes = ['batch_size', 'sequence_length'];
  const words = graph.input('input_ids', DataType.INT64, axes);
  const attentionMask = graph.input('attention_mask', DataType.INT64, axes);
  const types = config.tokenTypes > 1 ? graph.input('token_type_ids', DataType.INT64, axes) : undefined;
  return {
    lookUps: { words, types, positions: positions(graph, config, words, attentionMask) },
    mask: additiveMask(graph, attentionMask),
  };
}

/** [batch, 1, 1, sequence], 0 for a token and the least float for padding. */
function additiveMask(graph: GraphBuilder, attentionMask: Value): Value {
  const scope = 'mask';
  const wide = graph.node(scope, 'Unsqueeze', [attentionMask, graph.integers(1, 2)]);
  const floats = graph.node(scope, 'Cast', [wide], { to: DataType.FLOAT });
  const padding = graph.node(scope, 'Sub', [graph.float('one', 1), floats]);
  return graph.node(scope, 'Mul', [padding, graph.float('masked_score', MASKED)]);
}

/** The rows of the position table: [sequence], or [batch, sequence] where padding does not count. */
function positions(graph: GraphBuilder, config: EncoderConfig, ids: Value, attentionMask: Value): Value {
  const scope = 'positions';
  const family = familyOf(config.family);
  const first = family.firstPosition(config.padId);
  if (first === 0) {
    const shape = graph.node(scope, 'Shape', [ids]);
    const length = graph.node(scope, 'Gather', [shape, graph.integer(1)], { axis: 0 });
    return graph.node(scope, 'Range', [graph.integer(0), length, graph.integer(1)]);
  }
  const counted = graph.node(scope, 'CumSum', [attentionMask, graph.integer(1)]);
  const tokens = graph.node(scope, 'Mul', [counted, attentionMask]);
  return graph.node(scope, 'Add', [tokens, graph.integer(first - 1)]);
}

function headOutputs(graph: GraphBuilder, logits: Value, head: Head): void {
  switch (head.kind) {
    case 'sequence-classification':
      graph.output(logits, 'logits', ['batch_size', head.labels.length]);
      break;
    case 'token-classification':
      graph.output(logits, 'logits', ['batch_size', 'sequence_length', head.labels.length]);
      break;
    case 'question-answering':
      for (const [i, name] of ['start_logits', 'end_logits'].entries()) {
        const column = graph.node('qa_outputs', 'Gather', [logits, graph.integer(i)], { axis: 2 });
        graph.output(column, name, ['batch_size', 'sequence_length']);
      }
  }
}
