import {
  type EncoderBatch,
  type EncoderOps,
  type Layout,
  SdqError,
  type Site,
  type TapPoint,
} from '@sdq/core';
import type { HostTensor } from '@sdq/models';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { transpose } from './transpose.ts';

/** What the tables of the embeddings are looked up by; the sum of a table with no entry has its only row. */
interface LookUps {
  readonly words: Value;
  readonly types: Value | undefined;
  readonly positions: Value;
}

/** Where {@link OnnxOps} gets the values that the encoder does not hand it. */
export interface OnnxInputs {
  readonly lookUps: LookUps;
  /** What the encoder is called with: it hands `ids` and `tokenTypes` to {@link OnnxOps.embed} as they are. */
  readonly batch: EncoderBatch;
  readonly hiddenSize: number;
  /** [batch, 1, 1, sequence], 0 for a token and a number below all scores for padding. */
  readonly mask: Value;
}

/**
 * Emits the encoder as nodes of an ONNX graph, in floats.
 *
 * ONNX wants rectangles: token rows are [batch, sequence, hidden] here, padding is masked in attention, and the
 * values in the batch that the encoder is called with play no part. A parameter is handed around by its name.
 */
export class OnnxOps implements EncoderOps<Value> {
  constructor(
    protected readonly graph: GraphBuilder,
    private readonly floats: ReadonlyMap<string, HostTensor>,
    private readonly inputs: OnnxInputs,
  ) {}

  embed(site: Site, ids: Int32Array, table: Value): Value {
    const { batch, lookUps } = this.inputs;
    const { words, types, positions } = lookUps;
    const rows = ids === batch.ids ? words : ids === batch.tokenTypes ? types : positions;
    return rows === undefined ? this.onlyRow(site, table) : this.lookUp(site, rows, table);
  }

  linear(site: Site, x: Value, weight: Value, bias: Value): Value {
    const { shape, data } = this.tensor(weight);
    const [rows, columns] = shape as [number, number];
    const stored = this.graph.initializer(weight, [columns, rows], () => transpose(data, rows, columns));
    return this.addBias(site, this.graph.node(site, 'MatMul', [x, stored]), bias);
  }

  attention(site: Site, q: Value, k: Value, v: Value, _layout: Layout, heads: number): Value {
    const { graph } = this;
    const size = this.inputs.hiddenSize / heads;
    const split = graph.integers(0, 0, heads, size);
    const byHead = (x: Value, perm: readonly number[]) =>
      graph.node(site, 'Transpose', [graph.node(site, 'Reshape', [x, split])], { perm });
    const scale = graph.float(`attention_scale_${size}`, 1 / Math.sqrt(size));
    const query = graph.node(site, 'Mul', [byHead(q, [0, 2, 1, 3]), scale]);
    const scores = graph.node(site, 'MatMul', [query, byHead(k, [0, 2, 3, 1])]);
    const masked = graph.node(site, 'Add', [scores, this.inputs.mask]);
    const probabilities = graph.node(site, 'Softmax', [masked], { axis: -1 });
    const context = graph.node(site, 'MatMul', [probabilities, byHead(v, [0, 2, 1, 3])]);
    const rows = graph.node(site, 'Transpose', [context], { perm: [0, 2, 1, 3] });
    return graph.node(site, 'Reshape', [rows, graph.integers(0, 0, heads * size)]);
  }

  layerNorm(site: Site, x: Value, gamma: Value, beta: Value, epsilon: number): Value {
    const inputs = [x, this.parameter(gamma), this.parameter(beta)];
    return this.graph.node(site, 'LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } });
  }

  gelu(x: Value): Value {
    // The form that onnxruntime knows as its fused Gelu.
    const { graph } = this;
    const scope = 'gelu';
    const divided = graph.node(scope, 'Div', [x, graph.float('sqrt_2', Math.SQRT2)]);
    const erf = graph.node(scope, 'Erf', [divided]);
    const share = graph.node(scope, 'Add', [erf, graph.float('one', 1)]);
    return graph.node(scope, 'Mul', [graph.node(scope, 'Mul', [x, share]), graph.float('half', 0.5)]);
  }

  tanh(x: Value): Value {
    return this.graph.node('tanh', 'Tanh', [x]);
  }

  add(a: Value, b: Value): Value {
    return this.graph.node('add', 'Add', [a, b]);
  }

  dropout(x: Value, _rate: number): Value {
    return x;
  }

  firstTokens(x: Value, _layout: Layout): Value {
    return this.graph.node('first_tokens', 'Gather', [x, this.graph.integer(0)], { axis: 1 });
  }

  tap(_point: TapPoint, x: Value): Value {
    return x;
  }

  /** The rows of a table that `ids` name. */
  protected lookUp(site: Site, ids: Value, table: Value): Value {
    return this.graph.node(site, 'Gather', [this.parameter(table), ids], { axis: 0 });
  }

  /** A table of one row, as a value that broadcasts. */
  protected onlyRow(_site: Site, table: Value): Value {
    return this.parameter(table);
  }

  protected addBias(site: Site, x: Value, bias: Value): Value {
    return this.graph.node(site, 'Add', [x, this.parameter(bias)]);
  }

  /** A float parameter as it is stored in the checkpoint. */
  private parameter(name: Value): Value {
    const { shape, data } = this.tensor(name);
    return this.graph.initializer(name, shape, () => data);
  }

  private tensor(name: Value): HostTensor {
    const found = this.floats.get(name);
    if (found === undefined) throw new SdqError('missing-tensor', `The model has no parameter "${name}".`);
    return found;
  }
}
