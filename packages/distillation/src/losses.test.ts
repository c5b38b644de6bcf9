import { Random, type Taps } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { attentionOutputKl, attentionOutputMse } from './attention-output.ts';
import { logitKl } from './logit-kl.ts';

beforeAll(() => tf.setBackend('cpu'));

const TOKENS = 5;
const HIDDEN = 8;
const HEADS = 2;
const LAYERS = 3;

function show(seed: number): { taps: Taps; logits: number[]; outputs: number[][] } {
  const random = new Random(seed);
  const draw = (count: number) => Array.from({ length: count }, () => Math.fround(random.normal()));
  const logits = draw(TOKENS * 3);
  const outputs = Array.from({ length: LAYERS }, () => draw(TOKENS * HIDDEN));
  return {
    logits,
    outputs,
    taps: {
      logits: tf.tensor2d(logits, [TOKENS, 3]),
      sites: new Map(
        outputs.map((output, i) => [
          `encoder.layer.${i}.attention.self.output`,
          tf.tensor2d(output, [TOKENS, HIDDEN]),
        ]),
      ),
    },
  };
}

/** KL(softmax(t / temperature) || softmax(s / temperature)) in float64. */
function divergence(t: readonly number[], s: readonly number[], temperature = 1): number {
  const logSoftmax = (values: readonly number[]) => {
    const scaled = values.map((value) => value / temperature);
    const logSum = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
    return scaled.map((value) => value - logSum);
  };
  const [p, q] = [logSoftmax(t), logSoftmax(s)];
  return p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - q[i]!), 0);
}

const chunks = (values: readonly number[], size: number) =>
  Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

const teacher = show(1);
const student = show(2);

describe.each([
  [
    'logit-kl',
    logitKl(2),
    mean(chunks(teacher.logits, 3).map((t, i) => 4 * divergence(t, chunks(student.logits, 3)[i]!, 2))),
  ],
  [
    'att-kld',
    attentionOutputKl(),
    mean(
      teacher.outputs.flatMap((output, layer) =>
        chunks(output, HIDDEN / HEADS).map((t, i) =>
          divergence(t, chunks(student.outputs[layer]!, HIDDEN / HEADS)[i]!),
        ),
      ),
    ),
  ],
  [
    'att-mse',
    attentionOutputMse(),
    mean(
      teacher.outputs.flatMap((output, layer) =>
        output.map((t, i) => (t - student.outputs[layer]![i]!) ** 2),
      ),
    ),
  ],
] as const)('%s', (_name, loss, expected) => {
  it('equals the float64 reference', () => {
    const value = loss.compute(teacher.taps, student.taps, { heads: HEADS }).dataSync()[0]!;
    expect(Math.abs(value - expected) / expected).toBeLessThan(2e-6);
  });

  it('is zero, with a zero gradient, for a student that equals its teacher', () => {
    const value = loss.compute(teacher.taps, teacher.taps, { heads: HEADS }).dataSync()[0]!;
    expect(Math.abs(value)).toBeLessThan(1e-7);
  });

  it('falls along its gradient at the rate that the gradient says', () => {
    const site = 'encoder.layer.1.attention.self.output';
    const point = loss.name === 'logit-kl' ? student.taps.logits : student.taps.sites.get(site)!;
    const at = (x: tf.Tensor) =>
      loss.compute(
        teacher.taps,
        loss.name === 'logit-kl'
          ? { logits: x, sites: student.taps.sites }
          : { logits: student.taps.logits, sites: new Map([...student.taps.sites, [site, x]]) },
        { heads: HEADS },
      );
    const gradient = tf.grad(at)(point);
    const norm = gradient.square().sum().dataSync()[0]!;
    const step = 1e-2;
    const forward = at(point.add(gradient.mul(step))).dataSync()[0]!;
    const backward = at(point.sub(gradient.mul(step))).dataSync()[0]!;
    expect(Math.abs((forward - backward) / (2 * step) - norm) / norm).toBeLessThan(2e-3);
  });
});

it('says what is missing when student and teacher have other layers', () => {
  const shallow = { logits: student.taps.logits, sites: new Map<string, tf.Tensor>() };
  expect(() => attentionOutputKl().compute(teacher.taps, shallow, { heads: HEADS })).toThrow(
    'no tap "encoder.layer.0.attention.self.output"',
  );
  expect(() => attentionOutputMse().compute(shallow, shallow, { heads: HEADS })).toThrow('captured no');
});
