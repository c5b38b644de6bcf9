import type { EncoderShape } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { attentionMapKl } from './attention-map-kl.ts';
import { attentionOutputKl } from './attention-output-kl.ts';
import { hiddenMse } from './hidden-mse.ts';
import { logitKl } from './logit-kl.ts';
import { requireComparable } from './require-comparable.ts';
import { selfAttentionRelations } from './self-attention-relations.ts';

beforeAll(() => tf.setBackend('cpu'));

const TEACHER = { layers: 12, heads: 12, hiddenSize: 384 };
const messageOf = (run: () => void) => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

describe('requireComparable', () => {
  it('lets a student of the teacher’s shape pass', () => {
    requireComparable([logitKl(), attentionOutputKl(), hiddenMse()], TEACHER, { ...TEACHER });
  });

  it('says what each loss needs and which still apply', () => {
    const losses = [
      logitKl(),
      attentionOutputKl(),
      hiddenMse({ layers: 'last' }),
      hiddenMse({ layers: [2, 7] }),
    ];
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, layers: 6 }))).toBe(
      'The teacher has 12 layers, 12 heads and a hidden size of 384, the student 6 layers, 12 heads and a hidden size of 384: ' +
        'att-kld needs as many layers in both, or the last or a list of layers for it; ' +
        'hidden-mse needs a layer 7 in both, counted from 0. ' +
        'Of the losses asked for, logit-kl, hidden-mse still apply.',
    );
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, hiddenSize: 192 }))).toContain(
      'hidden-mse needs one hidden size',
    );
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, heads: 6 }))).toContain(
      'att-kld needs as many heads in both. Of the losses asked for, logit-kl, hidden-mse, hidden-mse still apply.',
    );
  });

  it('keeps the losses on relations of tokens across hidden sizes', () => {
    const losses = [attentionOutputKl(), attentionMapKl(), selfAttentionRelations({ relationHeads: 24 })];
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, hiddenSize: 192 }))).toContain(
      'att-kld needs one hidden size. Of the losses asked for, att-map-kl, minilm-relations still apply.',
    );
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, heads: 6 }))).toContain(
      'Of the losses asked for, minilm-relations still applies.',
    );
    expect(messageOf(() => requireComparable(losses, TEACHER, { ...TEACHER, hiddenSize: 180 }))).toContain(
      'minilm-relations needs a number of relation heads, now 24, that divides both hidden sizes',
    );
  });

  it('asks a loss of a class by way of its object', () => {
    class Odd {
      readonly #need = 'an odd number of layers';
      readonly name = 'odd';
      taps = () => false;
      compute = () => tf.scalar(0);
      obstacle(teacher: EncoderShape) {
        return teacher.layers % 2 === 1 ? undefined : this.#need;
      }
    }
    requireComparable([new Odd()], { ...TEACHER, layers: 3 }, TEACHER);
    expect(messageOf(() => requireComparable([new Odd()], TEACHER, TEACHER))).toContain(
      'odd needs an odd number of layers.',
    );
  });

  it('points to the logits when none of the losses applies', () => {
    expect(
      messageOf(() => requireComparable([hiddenMse()], TEACHER, { ...TEACHER, hiddenSize: 192 })),
    ).toContain('none of them applies; logit-kl always does.');
  });
});

describe('a loss that reads layers', () => {
  const show = (key: string) => ({
    logits: tf.zeros([2, 3]),
    shown: new Map([[key, tf.zeros([2, 4])]]),
  });
  const model = { layers: 2, heads: 2, hiddenSize: 4 };
  const context = { offsets: Int32Array.of(0, 2), teacher: model, student: model };

  it('compares the last layers of models of different depth', () => {
    const loss = hiddenMse({ layers: 'last' });
    const student = show('hidden.0');
    const value = loss.compute(show('hidden.1'), student, {
      ...context,
      student: { ...model, layers: 1 },
    });
    expect(value.dataSync()[0]).toBe(0);
  });

  it('names a tap that is not there, and refuses models that it cannot compare', () => {
    const empty = show('hidden');
    expect(() => hiddenMse().compute(empty, empty, context)).toThrow(
      'The teacher has no tap "hidden" in layer 0, which the loss hidden-mse reads.',
    );
    const other = { ...context, student: { ...model, layers: 1 } };
    expect(() => hiddenMse().compute(empty, empty, other)).toThrow(
      'The loss hidden-mse needs as many layers',
    );
  });

  it('refuses invalid lists of layers', () => {
    for (const layers of [[], [-1], [0.5], [1, 1]]) {
      expect(() => hiddenMse({ layers })).toThrow('are not different whole numbers from 0');
    }
  });
});
