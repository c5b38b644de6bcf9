import { Random } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';

/** Float64 in, float64 out: what an op should compute, written without tensors. */
type Reference = (...inputs: Float64Array[]) => Float64Array;

/** An op, and what it should compute. */
export interface OpCheck {
  /** The differentiable inputs. */
  readonly inputs: readonly tf.Tensor[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly reference: Reference;
  /** Bound on |value - reference| / (1 + |reference|); 1e-5 unless given. */
  readonly tolerance?: number;
}

/** Normal numbers of a seed. */
export function normals(shape: readonly number[], seed: number, scale = 1): tf.Tensor {
  const random = new Random(seed);
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal() * scale),
    [...shape],
  );
}

/** The largest |a - b| / (1 + |b|). */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let i = 0; i < b.length; i++) {
    const error = Math.abs(a[i]! - b[i]!) / (1 + Math.abs(b[i]!));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/**
 * Checks an op on the current backend: the value against the reference, the gradient of a random weighting of the
 * outputs against central differences of the reference, both against the same op on tfjs's plain cpu backend, and
 * that no tensor is left behind.
 */
export async function checkOp({ inputs, run, reference, tolerance = 1e-5 }: OpCheck): Promise<void> {
  const doubles = inputs.map((x) => Float64Array.from(x.dataSync()));
  const expected = reference(...doubles);
  const random = new Random(99);
  const weights = Float32Array.from(expected, () => random.normal());

  const evaluate = (): { value: Float32Array; gradients: Float32Array[] } => {
    const own = inputs.map((x) => x.clone());
    const weight = tf.tensor(weights, run(...own).shape);
    const value = run(...own).dataSync() as Float32Array;
    const gradients = tf.grads((...xs: tf.Tensor[]) =>
      run(...xs)
        .mul(weight)
        .sum(),
    )(own);
    return { value: value.slice(), gradients: gradients.map((g) => (g.dataSync() as Float32Array).slice()) };
  };

  const { value, gradients } = tf.tidy(evaluate);
  expect(difference(value, expected)).toBeLessThan(tolerance);

  const loss = (at: Float64Array[]) => reference(...at).reduce((sum, y, i) => sum + y * weights[i]!, 0);
  doubles.forEach((values, which) => {
    const slopes = new Float64Array(Math.min(values.length, 40));
    const places = Array.from(slopes, (_, i) => Math.floor((i * values.length) / slopes.length));
    places.forEach((place, i) => {
      const step = 1e-5;
      const at = (offset: number) =>
        loss(doubles.map((x, j) => (j === which ? x.with(place, x[place]! + offset) : x)));
      slopes[i] = (at(step) - at(-step)) / (2 * step);
    });
    const ours = places.map((place) => gradients[which]![place]!);
    expect(difference(ours, slopes)).toBeLessThan(10 * tolerance);
  });

  const before = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) tf.tidy(evaluate);
  expect(tf.memory().numTensors).toBe(before);

  const backend = tf.getBackend();
  await tf.setBackend('cpu');
  try {
    const plain = tf.tidy(evaluate);
    expect(difference(value, plain.value)).toBeLessThan(tolerance);
    gradients.forEach((gradient, i) => {
      expect(difference(gradient, plain.gradients[i]!)).toBeLessThan(10 * tolerance);
    });
  } finally {
    await tf.setBackend(backend);
  }
}
