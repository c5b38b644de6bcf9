import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { adversarialRows, roundHalfEven } from '../../test/adversarial.ts';
import { fakeQuantizePerToken } from './per-token.ts';

beforeAll(() => tf.setBackend('cpu'));

const rows = adversarialRows();
const x = () => tf.tensor2d(Float32Array.from(rows.flatMap(({ row }) => [...row])), [rows.length, 64]);

/** A row on the grid of its own range, in float64. */
function reference(row: Float32Array, bits: number, symmetric: boolean): number[] {
  const low = Math.min(0, ...row);
  const high = Math.max(0, ...row);
  const limit = 2 ** (bits - 1) - 1;
  const steps = 2 ** bits - 1;
  const scale = symmetric ? Math.max(-low, high) / limit : (high - low) / steps;
  if (Math.fround(scale) === 0) return [...row].map(() => 0);
  const zero = symmetric ? 0 : Math.round(-low / scale);
  const [qMin, qMax] = symmetric ? [-limit, limit] : [-zero, steps - zero];
  return [...row].map((value) => Math.max(qMin, Math.min(qMax, roundHalfEven(value / scale))) * scale);
}

describe.each([true, false])('symmetric: %s', (symmetric) => {
  it.each([8, 4])('%i bits put each row on its own grid', (bits) => {
    const actual = fakeQuantizePerToken(x(), bits, symmetric).dataSync();
    rows.forEach(({ row, name }, token) => {
      const largest = Math.max(...row.map(Math.abs));
      const step = (largest * (symmetric ? 2 : 1)) / (2 ** bits - 2);
      reference(row, bits, symmetric).forEach((expected, i) => {
        // A float32 scale may round a tie, or a denormal step, the other way.
        const tolerance = name === 'ties' || name === 'denormals' ? step + 2 ** (bits - 149) : 2e-6 * largest;
        expect(Math.abs(actual[token * 64 + i]! - expected), `${name} ${i}`).toBeLessThanOrEqual(tolerance);
      });
    });
  });

  it('lets the gradient through', () => {
    const gradient = tf.grad((x: tf.Tensor) => fakeQuantizePerToken(x, 4, symmetric).sum());
    expect([...gradient(x()).dataSync()].every((value) => value === 1)).toBe(true);
  });

  it('names the site of what is not finite, and refuses other bits', () => {
    const bad = tf.tensor2d([1, Number.POSITIVE_INFINITY], [1, 2]);
    expect(() => fakeQuantizePerToken(bad, 8, symmetric, 'a.value')).toThrow('"a.value"');
    expect(() => fakeQuantizePerToken(x(), 9, symmetric)).toThrow('9 bits');
  });
});
