import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { type StepMode, syntheticModel } from './synthetic-model.ts';

beforeAll(() => tf.setBackend('cpu'));

for (const mode of ['fp32', 'qat', 'sdq'] satisfies StepMode[]) {
  it(`trains its weights in ${mode} steps, with a flat count of tensors, and leaves nothing`, async () => {
    const before = tf.memory().numTensors;
    const model = syntheticModel({ hidden: 24, layers: 2, lengths: [5, 3, 1], mode, dropout: 0.1 });
    expect(model.tokens).toBe(9);
    expect(model.grids.has('encoder.layer.1.output.dense')).toBe(mode !== 'fp32');
    const weight = model.model.parameters.get('encoder.layer.0.attention.self.query.weight')!;
    const old = weight.dataSync().slice();
    model.step();
    const moved = weight.dataSync().map((value, i) => Math.abs(value - old[i]!));
    // AdamW's first step moves each weight by the learning rate.
    expect(Math.max(...moved)).toBeGreaterThan(5e-6);
    expect(Math.max(...moved)).toBeLessThan(2e-5);
    const count = tf.memory().numTensors;
    model.step();
    await model.forward();
    expect(tf.memory().numTensors).toBe(count);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
}
