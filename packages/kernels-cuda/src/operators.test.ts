import { Random } from '@sdq/core';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { describe, expect, it } from 'vitest';
import { FiniteTensors } from './finite-tensors.ts';
import { type Operand, Operators } from './operators.ts';
import { sdqKernels } from './sdq-kernels.ts';

type Shape = readonly number[];

/** A tensor of the fake backend. */
interface FakeTensor {
  readonly dataId: { readonly id: number };
  readonly shape: number[];
  readonly dtype: 'float32';
}

/** A backend whose binding knows shapes, and like TensorFlow's refuses tensors that were freed. */
function fakeBackend() {
  const live = new Map<number, { readonly shape: Shape; readonly values?: ArrayLike<number> }>();
  let last = 0;
  let created = 0;
  const create = (shape: Shape, values?: ArrayLike<number>) => {
    last++;
    live.set(last, { shape, ...(values && { values }) });
    return last;
  };
  const tensorOf = (id: number) => {
    const tensor = live.get(id);
    if (!tensor) throw new Error(`Input Tensor ID not referenced (tensor_id: ${id})`);
    return tensor;
  };
  const binding = {
    createTensor(shape: Shape, _type: number, values: ArrayLike<number>) {
      created++;
      return create(shape, values);
    },
    deleteTensor(id: number) {
      tensorOf(id);
      live.delete(id);
    },
    tensorDataSync: (id: number) => new Float32Array(tensorOf(id).shape.reduce((a, b) => a * b, 1)),
    executeOp(name: string, _attributes: unknown, ids: readonly number[], outputs: number) {
      const [x, y] = ids.map(tensorOf);
      let shape = x!.shape;
      if (name === 'Reshape') shape = Array.from(y!.values!);
      if (name === 'Sum') shape = shape.filter((_, axis) => !Array.from(y!.values!).includes(axis));
      return Array.from({ length: outputs }, () => ({ id: create(shape), shape: [...shape], dtype: 1 }));
    },
  };
  const tensor = (shape: number[], id = create(shape)): FakeTensor => ({
    dataId: { id },
    shape,
    dtype: 'float32',
  });
  const backend = {
    binding,
    getDTypeInteger: () => 1,
    getInputTensorIds: (tensors: readonly FakeTensor[]) => tensors.map(({ dataId }) => dataId.id),
    createOutputTensor: ({ id, shape }: Operand) => tensor([...shape], id),
  };
  return {
    backend: backend as unknown as NodeJSKernelBackend,
    tensor,
    dispose: (...tensors: readonly FakeTensor[]) => {
      for (const { dataId } of tensors) binding.deleteTensor(dataId.id);
    },
    live: () => live.size,
    created: () => created,
  };
}

/** At most so many constants stay on the device. */
const MOST = 1024;
const HIDDEN = 8;

function kernelsOn(fake: ReturnType<typeof fakeBackend>) {
  const operators = new Operators(fake.backend);
  const kernels = sdqKernels(operators, new FiniteTensors(operators));
  return (name: string, inputs: Record<string, FakeTensor>, attributes: Record<string, unknown>) =>
    [kernels[name]!(inputs, attributes)].flat() as unknown as FakeTensor[];
}

describe('constants of operators', () => {
  it('are there for each call in thousands of batches with other sequence lengths', () => {
    const fake = fakeBackend();
    const run = kernelsOn(fake);
    const random = new Random(5);
    for (let step = 0; step < 3000; step++) {
      const lengths = Array.from({ length: 1 + random.below(6) }, () => 1 + random.below(200));
      const offsets = Int32Array.from([0, ...lengths]);
      for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
      const tokens = offsets.at(-1)!;
      const [q, k, v, dy] = [0, 1, 2, 3].map(() => fake.tensor([tokens, HIDDEN]));
      const inputs = { q: q!, k: k!, v: v! };
      const [y, softmax] = run('SdqAttention', inputs, { heads: 2, offsets });
      const back = { ...inputs, y: y!, softmax: softmax!, dy: dy! };
      const gradients = run('SdqAttentionGrad', back, { heads: 2, offsets });
      expect(gradients).toHaveLength(3);
      fake.dispose(q!, k!, v!, dy!, y!, softmax!, ...gradients);
    }
    expect(fake.live()).toBeLessThanOrEqual(MOST);
  });

  it('are no scales of grids, which training moves', () => {
    const fake = fakeBackend();
    const run = kernelsOn(fake);
    const weight = fake.tensor([4, HIDDEN]);
    const bias = fake.tensor([4]);
    const steps = 2000;
    const inUse = [];
    for (let step = 0; step < steps; step++) {
      const grid = { scale: 0.01 + step * 1e-6, low: -128, high: 127, levels: 127 };
      const x = fake.tensor([5, HIDDEN]);
      const [y] = run('SdqQuantizedLinear', { x, weight, bias }, grid);
      const dy = fake.tensor([5, 4]);
      const results = [
        ...run('SdqQuantizedLinearGradInput', { dy, x, weight }, grid),
        ...run('SdqQuantizedLinearGradWeight', { dy, x }, grid),
        ...run('SdqFakeQuantize', { x }, grid),
        ...run('SdqFakeQuantizeGrad', { x, dy: x }, grid),
      ];
      fake.dispose(x, dy, y!, ...results);
      inUse.push(fake.live());
    }
    expect(inUse.at(-1)).toBe(inUse[0]);
  });

  it('are made once while they are used, and stay when others are many', () => {
    const fake = fakeBackend();
    const operators = new Operators(fake.backend);
    const x = fake.tensor([2, 3]);
    const of = operators.of(x as never);
    const rounds = 5000;
    for (let round = 0; round < rounds; round++) {
      operators.free(operators.mul(of, 0.5));
      operators.free(operators.reshape(of, [round, 1]));
    }
    // The half, and each shape once.
    expect(fake.created()).toBe(1 + rounds);
    expect(fake.live()).toBe(1 + MOST);
  });
});
