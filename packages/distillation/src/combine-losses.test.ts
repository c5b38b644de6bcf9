import { Random, tapKey } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { attentionOutputKl } from './attention-output-kl.ts';
import { combineLosses } from './combine-losses.ts';
import { hiddenMse } from './hidden-mse.ts';
import { logitKl } from './logit-kl.ts';

beforeAll(() => tf.setBackend('cpu'));

const MODEL = { layers: 2, heads: 2, hiddenSize: 4 };
const CONTEXT = { offsets: Int32Array.of(0, 3), teacher: MODEL, student: MODEL };

function show(seed: number) {
  const random = new Random(seed);
  const rows = () =>
    tf.tensor2d(
      Float32Array.from({ length: 12 }, () => random.normal()),
      [3, 4],
    );
  const keys = ['attention.0', 'attention.1', 'hidden.0', 'hidden.1'];
  return {
    logits: rows(),
    shown: new Map(keys.map((key) => [key, rows() as tf.Tensor])),
  };
}

describe('combineLosses', () => {
  it('adds up the losses by their weights at this time, and reports each without its weight', () => {
    const [teacher, student] = [show(1), show(2)];
    const combined = combineLosses([
      { loss: logitKl(), weight: 2 },
      { loss: attentionOutputKl(), weight: { from: 0, to: 100, until: 0.5 } },
      { loss: hiddenMse(), weight: { from: 10, to: 0 } },
    ]);
    const alone = [logitKl(), attentionOutputKl(), hiddenMse()].map(
      (loss) => loss.compute(teacher, student, CONTEXT).dataSync()[0]!,
    );
    const count = tf.memory().numTensors;
    for (const [progress, weights] of [
      [0, [2, 0, 10]],
      [0.25, [2, 50, 7.5]],
      [0.5, [2, 100, 5]],
      [0.75, [2, 100, 2.5]],
    ] as const) {
      const { total, parts, terms } = combined.compute(teacher, student, CONTEXT, progress);
      const expected = alone.reduce((sum, value, i) => sum + value * weights[i]!, 0);
      expect(total.dataSync()[0]! / expected).toBeCloseTo(1, 6);
      expect(Object.keys(parts)).toEqual(['logit-kl', 'att-kld', 'hidden-mse']);
      expect(Object.values(parts).map((part) => part.dataSync()[0])).toEqual(alone);
      const tokens = CONTEXT.offsets.at(-1)!;
      expect(terms).toEqual({
        'logit-kl': { weight: weights[0], rows: student.logits.shape[0] },
        'att-kld': { weight: weights[1], rows: tokens },
        'hidden-mse': { weight: weights[2], rows: tokens },
      });
      tf.dispose([total, parts]);
    }
    expect(tf.memory().numTensors).toBe(count);
  });

  it('reads the taps of all of them, and no others', () => {
    const combined = combineLosses([
      { loss: attentionOutputKl({ layers: [0] }), weight: 1 },
      { loss: hiddenMse({ layers: 'last' }), weight: 1 },
    ]);
    const points = [0, 1].flatMap((layer) =>
      (['attention', 'hidden'] as const).map((role) => ({ role, layer })),
    );
    expect(points.filter((point) => combined.taps(point, MODEL)).map(tapKey)).toEqual([
      'attention.0',
      'hidden.1',
    ]);
  });

  it('refuses two losses of one name, none at all, and invalid weights', () => {
    const part = { loss: logitKl(), weight: 1 };
    expect(() => combineLosses([])).toThrow('no losses');
    expect(() => combineLosses([part, part])).toThrow('Two losses are named "logit-kl"');
    for (const weight of [-1, Number.NaN, { from: 0, to: -1 }, { from: 0, to: 1, until: 0 }]) {
      expect(() => combineLosses([{ ...part, weight }])).toThrow('of logit-kl is no number');
    }
  });
});
