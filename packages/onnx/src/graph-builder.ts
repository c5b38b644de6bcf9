import {
  type AttributeProto,
  AttributeType,
  DataType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './schema.ts';

/** The name of a value in the graph. */
export type Value = string;

/** The domain of onnxruntime's own operators. */
export const MICROSOFT = 'com.microsoft';

type Attribute = number | readonly number[] | { readonly float: number };

const elementTypes = [
  [Float32Array, DataType.FLOAT],
  [Uint8Array, DataType.UINT8],
  [Int8Array, DataType.INT8],
  [BigInt64Array, DataType.INT64],
] as const;

type Elements = Float32Array | Uint8Array | Int8Array | BigInt64Array;

/** Collects the nodes and initializers of a graph, and names them. */
export class GraphBuilder {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers = new Map<Value, TensorProto>();
  private readonly inputs: ValueInfoProto[] = [];
  private readonly outputs: ValueInfoProto[] = [];
  private readonly uses = new Map<string, number>();

  /** An input or output of the graph; axes are lengths or names. */
  input(name: string, elementType: number, axes: readonly (number | string)[]): Value {
    this.inputs.push(valueInfo(name, elementType, axes));
    return name;
  }

  /** Makes a value an output of the graph under a name of its own. */
  output(value: Value, name: string, axes: readonly (number | string)[]): void {
    this.nodes.push({
      name: `${name}/Identity`,
      opType: 'Identity',
      domain: '',
      input: [value],
      output: [name],
      attribute: [],
    });
    this.outputs.push(valueInfo(name, DataType.FLOAT, axes));
  }

  /** A node with one output. @param scope - the site that it belongs to, the start of its name */
  node(
    scope: string,
    opType: string,
    input: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value {
    return this.nodeOf(scope, opType, input, ['output'], attributes, domain)[0]!;
  }

  /** A node with several outputs. */
  nodeOf(
    scope: string,
    opType: string,
    input: readonly Value[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value[] {
    const name = this.unique(`${scope}/${opType}`);
    const output = outputs.map((suffix) => `${name}_${suffix}`);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    this.nodes.push({ name, opType, domain, input, output, attribute });
    return output;
  }

  /** A tensor stored in the model; one name is stored once, by whoever asks first. */
  initializer(name: Value, dims: readonly number[], make: () => Elements): Value {
    if (!this.initializers.has(name)) {
      const data = make();
      const [, dataType] = elementTypes.find(([type]) => data instanceof type)!;
      const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      this.initializers.set(name, { name, dataType, dims, rawData });
    }
    return name;
  }

  /** A list [n] of 64-bit integers, for shapes and indices. */
  integers(...values: number[]): Value {
    return this.initializer(`integers_${values.join('_')}`, [values.length], () =>
      BigInt64Array.from(values, BigInt),
    );
  }

  /** A single 64-bit integer. */
  integer(value: number): Value {
    return this.initializer(`integer_${value}`, [], () => BigInt64Array.of(BigInt(value)));
  }

  /** A single float. */
  float(name: Value, value: number): Value {
    return this.initializer(name, [], () => Float32Array.of(value));
  }

  build(name: string): GraphProto {
    const { nodes: node, inputs: input, outputs: output } = this;
    return { name, node, initializer: [...this.initializers.values()], input, output };
  }

  private unique(name: string): string {
    const uses = this.uses.get(name) ?? 0;
    this.uses.set(name, uses + 1);
    return uses === 0 ? name : `${name}_${uses}`;
  }
}

function valueInfo(name: string, elemType: number, axes: readonly (number | string)[]): ValueInfoProto {
  const dim = axes.map((axis) => (typeof axis === 'number' ? { dimValue: axis } : { dimParam: axis }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

function attributeOf(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: value };
}
