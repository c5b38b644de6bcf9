import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  answerExactMatch,
  answerF1,
  corpusBleu,
  ndcg,
  nerF1,
  posPrecision,
  scorePredictions,
  tasks,
} from '../src/index.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(path(`oracles/${name}`), 'utf8'));

interface Cases {
  readonly entityF1: readonly { gold: string[][]; predicted: string[][]; value: number }[];
  readonly tagPrecision: readonly { gold: string[][]; predicted: string[][]; value: number }[];
  readonly ndcg: readonly { relevance: number[]; scores: number[]; value: number }[];
  readonly bleu: readonly { references: string[]; hypotheses: string[]; value: number }[];
  readonly answers: readonly {
    language: string;
    answers: string[];
    prediction: string;
    f1: number;
    exact: number;
  }[];
}

// Made by tooling/oracles/xglue with scikit-learn, seqeval and sacreBLEU.
describe('the committed files', () => {
  const expected: Record<string, Record<string, number>> = json('scores.json');
  const { scores, average, overall } = scorePredictions({
    gold: path('fixtures/xglue'),
    predictions: path('fixtures/predictions'),
    split: 'dev',
  });

  it.each(tasks.map(({ name }) => name))('of %s score as the reference implementation says', (name) => {
    expect(Object.keys(scores[name]!)).toEqual(Object.keys(expected[name]!));
    for (const [language, value] of Object.entries(expected[name]!)) {
      expect(Math.abs(scores[name]![language]! - value), language).toBeLessThan(1e-9);
    }
  });

  it('are averaged over languages, then over tasks', () => {
    expect(average.NC).toBeCloseTo((1 / 3 + 2 / 3 + 1 / 2 + 1) / 4, 12);
    const mean = Object.values(average).reduce((sum, value) => sum + value, 0) / 11;
    expect(overall).toBeCloseTo(mean, 12);
  });
});

describe('random cases agree to 1e-9:', () => {
  const cases: Cases = json('metrics.json');

  it('entity F1 with seqeval', () => {
    for (const { gold, predicted, value } of cases.entityF1) {
      expect(Math.abs(nerF1(gold, predicted) - value)).toBeLessThan(1e-9);
    }
  });

  it('tag precision with seqeval 0.0.12, tags too many among them', () => {
    for (const { gold, predicted, value } of cases.tagPrecision) {
      expect(Math.abs(posPrecision(gold, predicted) - value)).toBeLessThan(1e-9);
    }
  });

  it('nDCG with scikit-learn, ties among them', () => {
    for (const { relevance, scores, value } of cases.ndcg) {
      expect(Math.abs(ndcg(relevance, scores) - value)).toBeLessThan(1e-9);
    }
  });

  it('BLEU with sacreBLEU', () => {
    for (const { references, hypotheses, value } of cases.bleu) {
      expect(Math.abs(corpusBleu(references, hypotheses) - value)).toBeLessThan(1e-9);
    }
  });

  it('answers with a second writing of the MLQA rule', () => {
    for (const { language, answers, prediction, f1, exact } of cases.answers) {
      expect(Math.abs(answerF1(prediction, answers, language) - f1), prediction).toBeLessThan(1e-9);
      expect(answerExactMatch(prediction, answers, language), prediction).toBe(exact);
    }
  });
});
