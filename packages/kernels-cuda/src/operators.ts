import type * as tf from '@tensorflow/tfjs';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import type { TensorMetadata, TFEOpAttr } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js';

/** A tensor of TensorFlow's, by the number that the binding knows it by. */
export type Operand = Readonly<TensorMetadata>;

/** What an operator reads: a tensor, or a number that stands for a scalar and is the same in each step. */
type Input = Operand | number;

/** What tfjs-node's backend keeps to itself. */
interface BackendInternals {
  readonly tensorMap: { get(dataId: object): { id: number; values: unknown } };
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
}

/** So many constants are kept: the shapes of batches are constants too, and a long training has many. */
const MOST_CONSTANTS = 1024;

/**
 * TensorFlow's operators by name, on raw tensors: without a tfjs tensor for each intermediate result, which is freed by the
 * operator that reads it.
 */
export class Operators {
  private readonly internals: BackendInternals;
  /** Results that no operator has read yet, and kept ones. */
  private readonly owned = new Set<Operand>();
  private readonly held = new Set<Operand>();
  /** Those used last are at the end. They are for operands of one call of `run`, which may free the others. */
  private readonly constants = new Map<string, Operand>();

  constructor(private readonly backend: NodeJSKernelBackend) {
    this.internals = backend as unknown as BackendInternals;
  }

  /** Runs a kernel; what it leaves behind is freed, also when it throws. */
  kernel(run: () => readonly Operand[]): tf.Tensor[] {
    try {
      const outputs = run();
      for (const output of outputs) {
        this.owned.delete(output);
        this.held.delete(output);
      }
      return outputs.map((output) => this.internals.createOutputTensor(output));
    } finally {
      for (const operand of [...this.owned, ...this.held]) this.free(operand);
    }
  }

  /** A tensor of tfjs, which stays its owner's. */
  of(x: tf.TensorInfo): Operand {
    const [id] = this.internals.getInputTensorIds([x]);
    return { id: id!, shape: x.shape, dtype: this.backend.getDTypeInteger(x.dtype) };
  }

  /** Lets several operators read a result: it is freed at the end of the kernel, or by `free`. */
  hold(operand: Operand): Operand {
    if (this.owned.delete(operand)) this.held.add(operand);
    return operand;
  }

  free(operand: Operand): void {
    if (this.owned.delete(operand) || this.held.delete(operand)) this.binding.deleteTensor(operand.id);
  }

  /** Takes a tensor away from its owner, who must be given another by `give`. */
  take(x: tf.TensorInfo): Operand {
    const operand = this.of(x);
    this.owned.add(operand);
    return operand;
  }

  give(x: tf.TensorInfo, operand: Operand): void {
    this.owned.delete(operand);
    this.internals.tensorMap.get(x.dataId).id = operand.id;
  }

  /** A variable of TensorFlow's, for operators that update in place; it takes tensors of any shape. */
  variable(name: string): Operand {
    const { TF_ATTR_SHAPE, TF_ATTR_STRING } = this.binding;
    const text = (name: string, value: string) => ({ name, type: TF_ATTR_STRING, value });
    const attributes = [text('container', ''), text('shared_name', `sdq/${name}`), this.type('dtype')];
    const shape = { name: 'shape', type: TF_ATTR_SHAPE, value: [] };
    const [variable] = this.run('VarHandleOp', [], [...attributes, shape]);
    this.owned.delete(variable!);
    return variable!;
  }

  assign(variable: Operand, value: Operand): void {
    this.run('AssignVariableOp', [variable, value], [this.type('dtype')], 0);
  }

  valueOf(variable: Operand): Operand {
    return this.run('ReadVariableOp', [variable], [this.type('dtype')])[0]!;
  }

  /** Brings a tensor of floats to the host. */
  read(operand: Operand): Float32Array {
    const values = this.binding.tensorDataSync(operand.id) as Float32Array;
    this.free(operand);
    return values;
  }

  /** Integers, which TensorFlow keeps on the host. */
  integers(values: Int32Array): Operand {
    return this.own({
      id: this.binding.createTensor([values.length], this.binding.TF_INT32, values),
      shape: [values.length],
      dtype: this.binding.TF_INT32,
    });
  }

  floats(values: Float32Array, shape: readonly number[]): Operand {
    const id = this.binding.createTensor([...shape], this.binding.TF_FLOAT, values);
    return this.own({ id, shape: [...shape], dtype: this.binding.TF_FLOAT });
  }

  /** A scalar that is not kept: one that training changes, as the scale of a grid. */
  number(value: number): Operand {
    return this.floats(Float32Array.of(value), []);
  }

  /** Runs an operator of TensorFlow's and frees the results among its inputs that nothing holds. */
  run(name: string, inputs: readonly Input[], attributes: readonly TFEOpAttr[], outputs = 1): Operand[] {
    const operands = inputs.map((input) => (typeof input === 'number' ? this.scalar(input) : input));
    const ids = operands.map(({ id }) => id);
    const results = this.binding.executeOp(name, [...attributes], ids, outputs);
    for (const operand of new Set(operands)) {
      if (this.owned.has(operand)) this.free(operand);
    }
    this.evictConstants();
    return results.map((result) => this.own(result));
  }

  /** An operator of floats with one result. */
  float(name: string, inputs: readonly Input[], attributes: readonly TFEOpAttr[] = []): Operand {
    return this.run(name, inputs, [this.type('T'), ...attributes])[0]!;
  }

  add = (a: Input, b: Input): Operand => this.float('AddV2', [a, b]);
  sub = (a: Input, b: Input): Operand => this.float('Sub', [a, b]);
  mul = (a: Input, b: Input): Operand => this.float('Mul', [a, b]);
  div = (a: Input, b: Input): Operand => this.float('RealDiv', [a, b]);
  exp = (x: Operand): Operand => this.float('Exp', [x]);
  erf = (x: Operand): Operand => this.float('Erf', [x]);
  abs = (x: Operand): Operand => this.float('Abs', [x]);
  square = (x: Operand): Operand => this.float('Square', [x]);
  rsqrt = (x: Operand): Operand => this.float('Rsqrt', [x]);
  softmax = (x: Operand): Operand => this.float('Softmax', [x]);
  /** Rounds half to even. */
  round = (x: Operand): Operand => this.float('Round', [x]);
  clip = (x: Operand, low: Input, high: Input): Operand => this.float('ClipByValue', [x, low, high]);
  greater = (a: Input, b: Input): Operand => this.float('Greater', [a, b]);
  greaterEqual = (a: Input, b: Input): Operand => this.float('GreaterEqual', [a, b]);
  lessEqual = (a: Input, b: Input): Operand => this.float('LessEqual', [a, b]);
  and = (a: Operand, b: Operand): Operand => this.run('LogicalAnd', [a, b], [])[0]!;
  where = (condition: Operand, a: Input, b: Input): Operand => this.float('SelectV2', [condition, a, b]);

  /** A reduction over axes; over all without. */
  private reduce(name: string, x: Operand, axes: readonly number[], keep: boolean): Operand {
    const attributes = [
      this.flag('keep_dims', keep),
      this.type('T'),
      this.type('Tidx', this.binding.TF_INT32),
    ];
    return this.run(name, [x, this.shape(axes)], attributes)[0]!;
  }
  sum = (x: Operand, axes: readonly number[], keep = false): Operand => this.reduce('Sum', x, axes, keep);
  mean = (x: Operand, axes: readonly number[], keep = false): Operand => this.reduce('Mean', x, axes, keep);
  max = (x: Operand, axes: readonly number[], keep = false): Operand => this.reduce('Max', x, axes, keep);
  min = (x: Operand, axes: readonly number[], keep = false): Operand => this.reduce('Min', x, axes, keep);

  /** Half the sum of all squares. */
  halfSquares = (x: Operand): Operand => this.float('L2Loss', [x]);

  matMul(a: Operand, b: Operand, { aTransposed = false, bTransposed = false } = {}): Operand {
    const transposed = [this.flag('transpose_a', aTransposed), this.flag('transpose_b', bTransposed)];
    return this.float('MatMul', [a, b], transposed);
  }

  batchMatMul(a: Operand, b: Operand, { aTransposed = false, bTransposed = false } = {}): Operand {
    return this.float(
      'BatchMatMulV2',
      [a, b],
      [this.flag('adj_x', aTransposed), this.flag('adj_y', bTransposed)],
    );
  }

  biasAdd = (x: Operand, bias: Operand): Operand => this.float('BiasAdd', [x, bias]);

  reshape(x: Operand, shape: readonly number[]): Operand {
    const attributes = [this.type('T'), this.type('Tshape', this.binding.TF_INT32)];
    return this.run('Reshape', [x, this.shape(shape)], attributes)[0]!;
  }

  transpose(x: Operand, order: readonly number[]): Operand {
    const attributes = [this.type('T'), this.type('Tperm', this.binding.TF_INT32)];
    return this.run('Transpose', [x, this.shape(order)], attributes)[0]!;
  }

  /** Parts side by side along the first axis. */
  concat(parts: readonly Operand[]): Operand {
    if (parts.length === 1) return parts[0]!;
    const attributes = [this.count(parts.length), this.type('T'), this.type('Tidx', this.binding.TF_INT32)];
    return this.run('ConcatV2', [...parts, this.integerScalar(0)], attributes)[0]!;
  }

  /** Scalars as a vector. */
  pack(scalars: readonly Operand[]): Operand {
    return this.float('Pack', scalars, [this.count(scalars.length)]);
  }

  slice(x: Operand, begin: readonly number[], size: readonly number[]): Operand {
    const attributes = [this.type('T'), this.type('Index', this.binding.TF_INT32)];
    return this.run('Slice', [x, this.shape(begin), this.shape(size)], attributes)[0]!;
  }

  /** The rows of a matrix that the indices name. */
  gather(x: Operand, rows: Int32Array): Operand {
    const { TF_INT32 } = this.binding;
    const attributes = [this.type('Tparams'), this.type('Tindices', TF_INT32), this.type('Taxis', TF_INT32)];
    return this.run('GatherV2', [x, this.integers(rows), this.integerScalar(0)], attributes)[0]!;
  }

  type(name: string, value = this.binding.TF_FLOAT): TFEOpAttr {
    return { name, type: this.binding.TF_ATTR_TYPE, value };
  }

  flag(name: string, value: boolean): TFEOpAttr {
    return { name, type: this.binding.TF_ATTR_BOOL, value };
  }

  private count(value: number): TFEOpAttr {
    return { name: 'N', type: this.binding.TF_ATTR_INT, value };
  }

  private get binding() {
    return this.backend.binding;
  }

  private own(operand: Operand): Operand {
    this.owned.add(operand);
    return operand;
  }

  private scalar(value: number): Operand {
    const { TF_FLOAT } = this.binding;
    return this.constant(`${value}`, () => this.binding.createTensor([], TF_FLOAT, Float32Array.of(value)));
  }

  private integerScalar(value: number): Operand {
    const { TF_INT32 } = this.binding;
    return this.constant(`i${value}`, () => this.binding.createTensor([], TF_INT32, Int32Array.of(value)));
  }

  /** A few integers that say how an operator works: a shape, axes. */
  private shape(values: readonly number[]): Operand {
    const { TF_INT32 } = this.binding;
    const create = () => this.binding.createTensor([values.length], TF_INT32, Int32Array.from(values));
    return this.constant(`[${values}]`, create);
  }

  private constant(key: string, create: () => number): Operand {
    const known = this.constants.get(key);
    if (known) this.constants.delete(key);
    const constant = known ?? { id: create(), shape: [], dtype: 0 };
    this.constants.set(key, constant);
    return constant;
  }

  /** Frees the constants that were not used for longest; only after a call, since it may read any of them. */
  private evictConstants(): void {
    for (const [key, { id }] of this.constants) {
      if (this.constants.size <= MOST_CONSTANTS) return;
      this.constants.delete(key);
      this.binding.deleteTensor(id);
    }
  }
}
