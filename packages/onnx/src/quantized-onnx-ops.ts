import { type AffineGrid, type QuantizedRows, SdqError, type Site } from '@sdq/core';
import type { QuantizedModel } from '@sdq/models';
import { type GraphBuilder, MICROSOFT, type Value } from './graph-builder.ts';
import { nibbleBlock, packNibbles } from './nibbles.ts';
import { type OnnxInputs, OnnxOps } from './onnx-ops.ts';
import { DataType } from './schema.ts';
import { transpose } from './transpose.ts';

/**
 * How integer arithmetic stands in the graph: `qdq`, as QuantizeLinear and DequantizeLinear around float products, which
 * runtimes turn into integer ones; `qoperator`, as MatMulInteger, so that products are integers whatever the runtime does.
 */
export type IntegerForm = 'qdq' | 'qoperator';

/** How integers are written. */
export interface IntegerOptions {
  readonly form: IntegerForm;
  /**
   * The bytes of linear layers' weights: `uint8` around 128, or `int8` around 0. onnxruntime adds products of unsigned
   * and signed bytes in saturating 16 bits on processors with AVX2 and without VNNI; those of unsigned bytes are exact
   * on all.
   */
  readonly weightType: 'uint8' | 'int8';
  /** Whether weights of at most 4 bits become onnxruntime's MatMulNBits, two to a byte. */
  readonly nibbles: boolean;
}

/** An input as unsigned bytes; the scale is one for all, or [batch, sequence, 1]. */
interface QuantizedInput {
  readonly values: Value;
  readonly scale: Value;
  readonly zeroPoint: Value;
}

// What signed integers are stored around as unsigned bytes.
const ZERO = 128;

/**
 * Emits the linear layers and tables of a quantized model with their integers; all else in floats.
 *
 * A product's result stays the exact 32-bit sum until it is scaled to float: the model rounds no output, so QLinearMatMul,
 * which does, would give other answers.
 */
export class QuantizedOnnxOps extends OnnxOps {
  // Query, key and value read one tensor: it is rounded once where their grids agree.
  private readonly quantized = new Map<string, QuantizedInput>();

  constructor(
    graph: GraphBuilder,
    private readonly model: QuantizedModel,
    inputs: OnnxInputs,
    private readonly options: IntegerOptions,
  ) {
    super(graph, model.floats, inputs);
    for (const site of [...model.grids.keys(), ...(model.perToken?.keys() ?? [])]) {
      if (model.weights.has(`${site}.weight`)) continue;
      throw new SdqError('bad-value', `The grid of "${site}" has no quantized weight to stand beside.`);
    }
  }

  override linear(site: Site, x: Value, weight: Value, bias: Value): Value {
    const rows = this.model.weights.get(weight);
    if (rows === undefined) return super.linear(site, x, weight, bias);
    return this.addBias(site, this.product(site, x, weight, rows), bias);
  }

  protected override lookUp(site: Site, ids: Value, table: Value): Value {
    const rows = this.model.weights.get(table);
    if (rows === undefined) return super.lookUp(site, ids, table);
    // The rows are picked as integers, so that no float copy of the table comes to be.
    const { graph } = this;
    const integers = graph.node(site, 'Gather', [this.storeTable(table, rows), ids], { axis: 0 });
    const scales = graph.node(site, 'Gather', [this.storeRowScales(site, rows), ids], { axis: 0 });
    return this.rescale(site, integers, scales);
  }

  protected override onlyRow(site: Site, table: Value): Value {
    const rows = this.model.weights.get(table);
    if (rows === undefined) return super.onlyRow(site, table);
    return this.rescale(site, this.storeTable(table, rows), this.storeRowScales(site, rows));
  }

  private product(site: Site, x: Value, weight: Value, rows: QuantizedRows): Value {
    const { form, nibbles } = this.options;
    const grid = this.model.grids.get(site);
    const tokenBits = this.model.perToken?.get(site);
    if (nibbles && rows.bits <= 4) {
      return this.nibbleProduct(site, this.rounded(site, x, grid, tokenBits), weight, rows);
    }
    requireWholeRows(weight, rows);
    // QuantizeLinear has no scale that comes and goes with a token, so those products are integers in either form.
    if (tokenBits !== undefined) {
      return this.integerProduct(site, this.quantizeTokens(site, x, tokenBits), weight, rows);
    }
    if (grid === undefined) return this.floatProduct(site, x, weight, rows);
    if (form === 'qoperator') return this.integerProduct(site, this.quantize(site, x, grid), weight, rows);
    const dequantized = this.graph.node(
      site,
      'DequantizeLinear',
      [this.storeWeight(weight, rows), this.storeScales(site, rows), ...this.zeroPoints(rows.shape[0])],
      { axis: 1 },
    );
    return this.graph.node(site, 'MatMul', [this.rounded(site, x, grid, undefined), dequantized]);
  }

  /** A product of floats with a weight that is stored as integers. */
  private floatProduct(site: Site, x: Value, weight: Value, rows: QuantizedRows): Value {
    const { graph } = this;
    const [outputs, inputs] = rows.shape;
    const stored = graph.initializer(weight, [inputs, outputs], () =>
      transpose(rows.values, outputs, inputs),
    );
    // Not by DequantizeLinear, before which onnxruntime would round x to 8 bits of its own (MatMulNBits, accuracy 4).
    const floats = graph.node(site, 'Cast', [stored], { to: DataType.FLOAT });
    return graph.node(site, 'Mul', [graph.node(site, 'MatMul', [x, floats]), this.storeScales(site, rows)]);
  }

  /** x on its grid, as floats. */
  private rounded(site: Site, x: Value, grid: AffineGrid | undefined, tokenBits: number | undefined): Value {
    if (tokenBits !== undefined) {
      const { values, scale } = this.quantizeTokens(site, x, tokenBits);
      const floats = this.graph.node(site, 'Cast', [values], { to: DataType.FLOAT });
      const centred = this.graph.node(site, 'Sub', [floats, this.graph.float('token_zero_point', ZERO)]);
      return this.graph.node(site, 'Mul', [centred, scale]);
    }
    if (grid === undefined) return x;
    const { values, scale, zeroPoint } = this.quantize(site, x, grid);
    return this.graph.node(site, 'DequantizeLinear', [values, scale, zeroPoint]);
  }

  private integerProduct(site: Site, x: QuantizedInput, weight: Value, rows: QuantizedRows): Value {
    const { graph } = this;
    const stored = this.storeWeight(weight, rows);
    const inputs = [x.values, stored, x.zeroPoint, ...this.zeroPoint()];
    const sums = graph.node(site, 'MatMulInteger', inputs);
    // By the weight's scales first: onnxruntime mistakes the product of both for one scale of the whole input.
    return graph.node(site, 'Mul', [this.rescale(site, sums, this.storeScales(site, rows)), x.scale]);
  }

  private nibbleProduct(site: Site, x: Value, weight: Value, rows: QuantizedRows): Value {
    const [outputs, inputs] = rows.shape;
    const size = nibbleBlock(weight, rows);
    const blocks = Math.ceil(inputs / size);
    const packed = this.graph.initializer(weight, [outputs, blocks, size / 2], () => packNibbles(rows, size));
    const scales = this.graph.initializer(`${site}.weight_scale`, [outputs * blocks], () =>
      rows.groupSize === undefined
        ? Float32Array.from({ length: outputs * blocks }, (_, i) => rows.scales[Math.floor(i / blocks)]!)
        : rows.scales,
    );
    // accuracy_level 1 keeps the activations in float32.
    const attributes = { K: inputs, N: outputs, bits: 4, block_size: size, accuracy_level: 1 };
    return this.graph.node(site, 'MatMulNBits', [x, packed, scales], attributes, MICROSOFT);
  }

  /** x on a grid of the model. */
  private quantize(site: Site, x: Value, grid: AffineGrid): QuantizedInput {
    const { scale, zeroPoint, qMin, qMax } = grid;
    if (!Number.isInteger(zeroPoint) || qMin < 0 || qMax > 255) {
      throw new SdqError('bad-value', `The input grid of "${site}" does not fit unsigned bytes.`);
    }
    return this.once(`${x} ${scale} ${zeroPoint} ${qMin} ${qMax}`, () => {
      const { graph } = this;
      let input = x;
      if (qMin !== 0 || qMax !== 255) {
        const low = graph.float(`${site}.input_min`, (qMin - zeroPoint) * scale);
        const high = graph.float(`${site}.input_max`, (qMax - zeroPoint) * scale);
        input = graph.node(site, 'Clip', [x, low, high]);
      }
      const step = graph.float(`${site}.input_scale`, scale);
      const zero = graph.initializer(`${site}.input_zero_point`, [], () => Uint8Array.of(zeroPoint));
      const values = graph.node(site, 'QuantizeLinear', [input, step, zero]);
      return { values, scale: step, zeroPoint: zero };
    });
  }

  /** Each token row of x on a symmetric grid of its own, whose step is the row's largest magnitude over the levels. */
  private quantizeTokens(site: Site, x: Value, bits: number): QuantizedInput {
    return this.once(`${x} by token, ${bits} bits`, () => {
      const { graph } = this;
      const count = 2 ** (bits - 1) - 1;
      const levels = graph.float(`levels_${count}`, count);
      const magnitudes = graph.node(site, 'Abs', [x]);
      const largest = graph.node(site, 'ReduceMax', [magnitudes], { axes: [-1], keepdims: 1 });
      const scale = graph.node(site, 'Div', [largest, levels]);
      const some = graph.node(site, 'Greater', [scale, graph.float('zero', 0)]);
      // A row of zeros would divide by zero.
      const divisor = graph.node(site, 'Where', [some, scale, graph.float('one', 1)]);
      const rounded = graph.node(site, 'Round', [graph.node(site, 'Div', [x, divisor])]);
      const clipped = graph.node(site, 'Clip', [
        rounded,
        graph.float(`levels_below_${count}`, -count),
        levels,
      ]);
      const shifted = graph.node(site, 'Add', [clipped, graph.float('token_zero_point', ZERO)]);
      const values = graph.node(site, 'Cast', [shifted], { to: DataType.UINT8 });
      return { values, scale, zeroPoint: this.storeZero() };
    });
  }

  private once(key: string, make: () => QuantizedInput): QuantizedInput {
    const found = this.quantized.get(key);
    if (found !== undefined) return found;
    const made = make();
    this.quantized.set(key, made);
    return made;
  }

  private rescale(site: Site, integers: Value, scales: Value): Value {
    const floats = this.graph.node(site, 'Cast', [integers], { to: DataType.FLOAT });
    return this.graph.node(site, 'Mul', [floats, scales]);
  }

  /** A weight [out, in] as bytes [in, out]. */
  private storeWeight(name: Value, { shape: [rows, columns], values }: QuantizedRows): Value {
    return this.graph.initializer(name, [columns, rows], () =>
      this.isUnsigned()
        ? transpose(
            Uint8Array.from(values, (value) => value + ZERO),
            rows,
            columns,
          )
        : transpose(values, rows, columns),
    );
  }

  private storeTable(name: Value, rows: QuantizedRows): Value {
    requireWholeRows(name, rows);
    return this.graph.initializer(name, rows.shape, () => rows.values);
  }

  private storeScales(site: Site, { scales }: QuantizedRows): Value {
    return this.graph.initializer(`${site}.weight_scale`, [scales.length], () => scales);
  }

  private storeRowScales(site: Site, { scales }: QuantizedRows): Value {
    return this.graph.initializer(`${site}.weight_scale`, [scales.length, 1], () => scales);
  }

  private isUnsigned(): boolean {
    return this.options.weightType === 'uint8';
  }

  /** The zero points [out] of a weight; signed weights need none. */
  private zeroPoints(count: number): Value[] {
    if (!this.isUnsigned()) return [];
    const make = () => new Uint8Array(count).fill(ZERO);
    return [this.graph.initializer(`weight_zero_points_${count}`, [count], make)];
  }

  private zeroPoint(): Value[] {
    return this.isUnsigned() ? [this.storeZero()] : [];
  }

  private storeZero(): Value {
    return this.graph.initializer('zero_point_128', [], () => Uint8Array.of(ZERO));
  }
}

function requireWholeRows(name: string, { groupSize }: QuantizedRows): void {
  if (groupSize === undefined) return;
  throw new SdqError(
    'bad-option',
    `"${name}" has a scale for each ${groupSize} columns, which only 4-bit weights of linear layers can have in ONNX: turn nibbles on.`,
  );
}
