import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import type { Example } from './examples.ts';
import { confidenceInterval, holm, pairedMeanTest, pairedTest } from './significance.ts';
import { joinTallies, scoreOf, tally } from './tally.ts';

const gold: Example[] = Array.from({ length: 400 }, () => ({ kind: 'text', texts: ['a'], label: '1' }));
const model = (rate: number, seed: number) => {
  const random = new Random(seed);
  return tally(
    'QAM',
    gold,
    gold.map(() => (random.uniform() < rate ? '1' : '0')),
  );
};

describe('confidenceInterval', () => {
  it('is that of the normal approximation for accuracy', () => {
    const { value, low, high } = confidenceInterval(model(0.8, 1), { samples: 4000 });
    const half = 1.96 * Math.sqrt((value * (1 - value)) / gold.length);
    expect(low).toBeCloseTo(value - half, 2);
    expect(high).toBeCloseTo(value + half, 2);
  });

  it('covers the truth as often as it says', () => {
    let covered = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { low, high } = confidenceInterval(model(0.7, seed), { samples: 200, random: new Random(seed) });
      if (low <= 0.7 && 0.7 <= high) covered += 1;
    }
    expect(covered / 200).toBeGreaterThan(0.9);
    expect(covered / 200).toBeLessThan(0.99);
  });

  it('repeats from a seed', () => {
    const options = () => ({ samples: 50, random: new Random(9) });
    expect(confidenceInterval(model(0.5, 2), options())).toEqual(
      confidenceInterval(model(0.5, 2), options()),
    );
  });

  it('refuses a level or a number of samples that makes no sense', () => {
    expect(() => confidenceInterval(model(0.5, 2), { level: 95 })).toThrow('between 0 and 1, but is 95');
    expect(() => confidenceInterval(model(0.5, 2), { samples: 0 })).toThrow('positive integer, but is 0');
  });
});

describe('pairedTest', () => {
  it('sees a large difference, and not a small one', () => {
    expect(pairedTest(model(0.9, 1), model(0.7, 2)).p).toBeLessThan(0.01);
    expect(pairedTest(model(0.8, 1), model(0.8, 5)).p).toBeGreaterThan(0.05);
    expect(pairedTest(model(0.8, 1), model(0.8, 1))).toEqual({ difference: 0, p: 1 });
  });

  it('is the sign test where two models differ in few examples', () => {
    const first = tally('QAM', gold, new Array(400).fill('1'));
    const second = tally('QAM', gold, [...new Array(6).fill('0'), ...new Array(394).fill('1')]);
    // All 6 differences go one way: 2 / 2^6.
    expect(pairedTest(first, second, { samples: 20_000 }).p).toBeCloseTo(2 / 64, 2);
  });

  it('refuses models of different examples', () => {
    const few = tally('QAM', gold.slice(0, 3), ['1', '1', '1']);
    expect(() => pairedTest(model(0.5, 1), few)).toThrow('needs the same units, not 400 and 3');
  });
});

describe('pairedTest on counts', () => {
  const words: Example[] = Array.from({ length: 10 }, () => ({
    kind: 'words',
    words: ['a', 'b', 'c'],
    labels: ['B-PER', 'I-PER', 'O'],
  }));
  const right = ['B-PER', 'I-PER', 'O'];
  const system = (wrong: Readonly<Record<number, string[]>>) => words.map((_, i) => wrong[i] ?? right);

  it.each(['NER', 'POS'])('has the p of all swaps of sentences, enumerated, for %s', (task) => {
    const first = tally(task, words, system({ 7: ['O', 'O', 'O'] }));
    const second = tally(
      task,
      words,
      system({
        0: ['B-PER', 'O', 'O'],
        1: ['O', 'O', 'O'],
        2: ['B-PER', 'I-PER', 'B-LOC'],
        3: ['O', 'B-PER', 'O'],
      }),
    );
    const differing = [0, 1, 2, 3, 7];
    const observed = Math.abs(scoreOf(first) - scoreOf(second));
    let extreme = 0;
    for (let mask = 0; mask < 2 ** differing.length; mask++) {
      const sums = [first, second].map((own, which) => {
        const other = which === 0 ? second : first;
        const totals = [0, 0, 0];
        for (let unit = 0; unit < 10; unit++) {
          const place = differing.indexOf(unit);
          const from = place >= 0 && (mask >> place) % 2 === 1 ? other : own;
          for (let k = 0; k < 3; k++) totals[k]! += from.counts[unit * 3 + k]!;
        }
        return own.value(totals);
      });
      if (Math.abs(sums[0]! - sums[1]!) >= observed - 1e-12) extreme += 1;
    }
    const { p } = pairedTest(first, second, { samples: 20_000 });
    expect(observed).toBeGreaterThan(0);
    expect(Math.abs(p - extreme / 2 ** differing.length)).toBeLessThan(0.015);
  });
});

describe('pairedMeanTest', () => {
  const answers = (wrong: number) =>
    tally(
      'QAM',
      gold,
      gold.map((_, i) => (i < wrong ? '0' : '1')),
    );

  it('is the sign test over all languages, where differences weigh alike', () => {
    const { difference, p } = pairedMeanTest([[[answers(0), answers(3)]], [[answers(0), answers(4)]]], {
      samples: 20_000,
    });
    expect(difference).toBeCloseTo(7 / 400 / 2, 12);
    // All 7 differences go one way: 2 / 2^7.
    expect(p).toBeCloseTo(2 / 128, 2);
  });

  it('takes runs on the same examples for no more evidence than the examples are', () => {
    const pair = [answers(0), answers(5)] as const;
    const options = { samples: 20_000 };
    const one = pairedMeanTest([[pair]], options);
    expect(one.p).toBeCloseTo(2 / 32, 2);
    expect(pairedMeanTest([[pair, pair, pair]], options)).toEqual(one);
  });

  it('gives the mean difference over languages and runs', () => {
    const groups = [
      [[answers(0), answers(4)] as const, [answers(8), answers(4)] as const],
      [[answers(0), answers(40)] as const, [answers(20), answers(20)] as const],
    ];
    expect(pairedMeanTest(groups).difference).toBeCloseTo(0.1 / 4, 12);
  });

  it('refuses tallies of different examples, and none', () => {
    const few = tally('QAM', gold.slice(0, 3), ['1', '1', '1']);
    const all = answers(0);
    expect(() => pairedMeanTest([[[all, all]], [[all, few]]])).toThrow('needs the same units, not 400 and 3');
    expect(() =>
      pairedMeanTest([
        [
          [all, all],
          [few, few],
        ],
      ]),
    ).toThrow('needs the same units, not 400 and 3');
    expect(() => pairedMeanTest([])).toThrow('at least one pair');
  });
});

describe('holm', () => {
  it('multiplies the i-th smallest of n by n - i + 1, and never falls', () => {
    const expected = [0.04, 0.09, 0.09, 0.025, 0.9];
    holm([0.01, 0.04, 0.03, 0.005, 0.9]).forEach((p, i) => {
      expect(p).toBeCloseTo(expected[i]!, 12);
    });
  });

  it('keeps ties and the bound of 1', () => {
    expect(holm([0.6, 0.6])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});

describe('tally', () => {
  it('joins parts of a split', () => {
    const predictions = gold.map((_, i) => (i % 3 === 0 ? '0' : '1'));
    const whole = tally('QAM', gold, predictions);
    const parts = [0, 150, 399].map((from, i, all) => {
      const to = all[i + 1] ?? gold.length;
      return tally('QAM', gold.slice(from, to), predictions.slice(from, to));
    });
    expect(joinTallies(parts).counts).toEqual(whole.counts);
    expect(scoreOf(joinTallies(parts))).toBe(scoreOf(whole));
  });

  it('gives back the score of tags, and leaves out those beyond the words', () => {
    const words: Example[] = [
      { kind: 'words', words: ['a', 'b'], labels: ['DET', 'NOUN'] },
      { kind: 'words', words: ['c'], labels: ['VERB'] },
    ];
    expect(scoreOf(tally('POS', words, [['DET', 'NOUN', 'X'], ['NOUN']]))).toBeCloseTo(2 / 3, 12);
  });

  it('makes one unit of a query', () => {
    const pages: Example[] = ['a', 'a', 'b', 'b', 'c'].map((query, i) => ({
      kind: 'text',
      texts: [query],
      label: String(i),
      query,
    }));
    expect(tally('WPR', pages, ['1', '2', '3', '4', '0']).units).toBe(2);
  });

  it('names predictions of another task', () => {
    expect(() => tally('QAM', gold, [['1']])).toThrow('Expected one label or text an example');
    expect(() => tally('POS', gold, [['1']])).toThrow('Expected words with tags');
    expect(() => tally('QAM', [], [])).toThrow('No QAM examples to score');
  });
});
