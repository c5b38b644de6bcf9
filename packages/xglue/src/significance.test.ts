import { Random } from '@sdq/core';
import { describe, expect, it } from 'vitest';
import wilson from '../test/oracles/intervals.json' with { type: 'json' };
import type { Example } from './examples.ts';
import {
  confidenceInterval,
  holm,
  meanConfidenceInterval,
  pairedMeanTest,
  pairedTest,
} from './significance.ts';
import { joinTallies, scoreOf, tally } from './tally.ts';

const gold: Example[] = Array.from({ length: 400 }, (_, i) => ({
  kind: 'text',
  texts: [`question ${i}`],
  label: '1',
}));
const model = (rate: number, seed: number) => {
  const random = new Random(seed);
  return tally(
    'QAM',
    gold,
    gold.map(() => (random.uniform() < rate ? '1' : '0')),
  );
};

/** Right where it says 1. */
const rights = (task: string, gold: readonly Example[], right: readonly number[]) =>
  tally(
    task,
    gold,
    right.map((one, i) => (one === 1 ? (gold[i] as { label: string }).label : 'wrong')),
  );

/** Pairs of one premise in so many hypotheses each. */
const pairs = (premises: number, each: number): Example[] =>
  Array.from({ length: premises * each }, (_, i) => ({
    kind: 'text',
    texts: [`premise ${Math.floor(i / each)}`, `hypothesis ${i}`],
    label: 'neutral',
  }));

describe('confidenceInterval', () => {
  it.each(wilson)("is Wilson's where %d of %d are right", (right, of, low, high) => {
    const answers = Array.from({ length: of! }, (_, i) => (i < right! ? 1 : 0));
    const gold: Example[] = answers.map((_, i) => ({ kind: 'text', texts: [`${i}`], label: '1' }));
    const interval = confidenceInterval(rights('QAM', gold, answers));
    expect(interval.value).toBeCloseTo(right! / of!, 12);
    // A single example says nothing of its variance, which is 0 here in either case.
    expect(interval.low).toBeCloseTo(low!, 12);
    expect(interval.high).toBeCloseTo(high!, 12);
  });

  it('covers the truth as often as it says', () => {
    let covered = 0;
    for (let seed = 0; seed < 400; seed++) {
      const { low, high } = confidenceInterval(model(0.7, seed));
      if (low <= 0.7 && 0.7 <= high) covered += 1;
    }
    expect(covered / 400).toBeGreaterThan(0.92);
    expect(covered / 400).toBeLessThan(0.98);
  });

  it('takes copies of an example in a cluster for one', () => {
    const each = (copies: number) =>
      confidenceInterval(
        rights(
          'XNLI',
          pairs(40, copies),
          Array.from({ length: 40 * copies }, (_, i) => (Math.floor(i / copies) % 4 === 0 ? 0 : 1)),
        ),
      );
    const [one, three] = [each(1), each(3)];
    expect(three.low).toBeCloseTo(one.low, 12);
    expect(three.high).toBeCloseTo(one.high, 12);
  });

  it('takes questions about one context, and pages of one query in two places, for one', () => {
    const questions = (context: (i: number) => string): Example[] =>
      Array.from({ length: 30 }, (_, i) => ({
        kind: 'span',
        id: `${i}`,
        question: 'who?',
        context: context(i),
        answers: [{ text: 'she', start: 0 }],
      }));
    const answers = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`${i}`, Math.floor(i / 3) % 2 ? 'she' : 'it']),
    );
    const width = (gold: readonly Example[]) => {
      const { low, high } = confidenceInterval(tally('MLQA', gold, answers));
      return high - low;
    };
    expect(width(questions((i) => `context ${Math.floor(i / 3)}`))).toBeGreaterThan(
      1.4 * width(questions((i) => `context ${i}`)),
    );
    const pages = (again: string): Example[] =>
      ['a', 'a', 'b', 'b', again, again].map((query, i) => ({
        kind: 'text',
        texts: [query, `page ${i}`],
        label: String(i % 2),
        query,
      }));
    const ndcg = (again: string) =>
      confidenceInterval(tally('WPR', pages(again), ['0', '1', '0', '1', '0', '1']));
    expect(ndcg('a')).toMatchObject({ value: 1, high: 1 });
    expect(ndcg('a').low).toBeLessThan(ndcg('c').low);
  });

  it.each([
    ['NER', ['B-PER', 'I-PER', 'O']],
    ['POS', ['DET', 'NOUN', 'VERB']],
  ])('claims no certainty where all or none is right in %s', (task, labels) => {
    const gold: Example[] = Array.from({ length: 64 }, () => ({
      kind: 'words',
      words: ['a', 'b', 'c'],
      labels,
    }));
    const of = (tags: string[]) => confidenceInterval(tally(task, gold, new Array(64).fill(tags)));
    const [all, none] = [of(labels), of(['B-X', 'X', 'B-X'])];
    expect(all).toMatchObject({ value: 1, high: 1 });
    expect(all.low).toBeCloseTo(64 / (64 + 1.96 ** 2), 4);
    expect(none).toMatchObject({ value: 0, low: 0 });
    expect(none.high).toBeCloseTo(1 - all.low, 12);
  });

  it('claims no certainty for answers and texts that are all right', () => {
    const spans: Example[] = Array.from({ length: 10 }, (_, i) => ({
      kind: 'span',
      id: `${i}`,
      question: 'who?',
      context: `she ${i}`,
      answers: [{ text: 'she', start: 0 }],
    }));
    const answers = Object.fromEntries(spans.map((_, i) => [`${i}`, 'she']));
    const texts: Example[] = Array.from({ length: 10 }, (_, i) => ({
      kind: 'generation',
      source: `${i}`,
      target: 'the cat sat on the mat',
    }));
    for (const one of [
      tally('MLQA', spans, answers),
      tally('QG', texts, new Array(10).fill('the cat sat on the mat')),
    ]) {
      const { value, low, high } = confidenceInterval(one);
      expect(value).toBeCloseTo(1, 12);
      expect(high).toBeCloseTo(1, 12);
      expect(low).toBeCloseTo(10 / (10 + 1.96 ** 2), 4);
    }
  });

  it('is wide where all examples are one unit', () => {
    const { low, high } = confidenceInterval(rights('XNLI', pairs(1, 4), [1, 0, 1, 0]));
    expect(high - low).toBeGreaterThan(0.8);
  });
});

describe('meanConfidenceInterval', () => {
  const right = Array.from({ length: 64 }, (_, i) => (i % 5 === 0 ? 0 : 1));
  const each = (task: string) =>
    rights(
      task,
      Array.from({ length: 64 }, (_, i) => ({ kind: 'text', texts: [`${task} ${i}`], label: '1' })),
      right,
    );

  it('is that of one language where the others are its translations and go alike', () => {
    const one = confidenceInterval(each('NC'));
    const mean = meanConfidenceInterval(new Array(15).fill(each('NC')));
    expect(mean.value).toBeCloseTo(one.value, 12);
    expect(mean.low).toBeCloseTo(one.low, 12);
    expect(mean.high).toBeCloseTo(one.high, 12);
  });

  it('is that of all examples where languages have their own', () => {
    const words = (language: string) => {
      const gold: Example[] = right.map((_, i) => ({
        kind: 'text',
        texts: [`${language} ${i}`],
        label: '1',
      }));
      return rights('QAM', gold, right);
    };
    const { value, low, high } = meanConfidenceInterval(['en', 'de', 'fr', 'ru'].map(words));
    const half = 1.96 * Math.sqrt((value * (1 - value)) / (4 * 64));
    expect(high - low).toBeCloseTo(2 * half, 2);
  });

  it('lets a small language that is all right claim no more than it can', () => {
    const of = (count: number) =>
      rights(
        'QAM',
        Array.from({ length: count }, (_, i) => ({
          kind: 'text',
          texts: [`${count} ${i}`],
          label: '1',
        })),
        new Array(count).fill(1),
      );
    // Two languages that weigh alike: the 10 of the one are half of the score.
    expect(meanConfidenceInterval([of(10), of(1000)]).low).toBeLessThan(40 / (40 + 1.96 ** 2));
    expect(() => meanConfidenceInterval([])).toThrow('at least one tally');
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
    expect(() => pairedTest(model(0.5, 1), few)).toThrow('needs the same examples, not 400 and 3');
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
  const answers = (wrong: number, of = gold) =>
    tally(
      'QAM',
      of,
      of.map((_, i) => (i < wrong ? '0' : '1')),
    );

  it('is the sign test over all languages, where differences weigh alike', () => {
    const german = gold.map((_, i): Example => ({ kind: 'text', texts: [`Frage ${i}`], label: '1' }));
    const groups = [[[answers(0), answers(3)] as const], [[answers(0, german), answers(4, german)] as const]];
    const { difference, p } = pairedMeanTest(groups, { samples: 20_000 });
    expect(difference).toBeCloseTo(7 / 400 / 2, 12);
    // All 7 differences go one way: 2 / 2^7.
    expect(p).toBeCloseTo(2 / 128, 2);
  });

  /** Right and wrong of two models, of which the first wins and loses so many. */
  const duel = (task: string, gold: readonly Example[], wins: number, losses: number) =>
    [
      rights(
        task,
        gold,
        gold.map((_, i) => (i >= wins && i < wins + losses ? 0 : 1)),
      ),
      rights(
        task,
        gold,
        gold.map((_, i) => (i < wins ? 0 : 1)),
      ),
    ] as const;
  const translated = (count: number, language: number): Example[] =>
    Array.from({ length: count }, (_, i) => ({
      kind: 'text',
      texts: [`language ${language}, text ${i}`],
      label: '1',
      id: `${i}`,
    }));

  it.each(['XNLI', 'NC', 'PAWSX'])('takes 15 translations that go alike for one language in %s', (task) => {
    const options = () => ({ samples: 20_000, random: new Random(1) });
    const languages = Array.from({ length: 15 }, (_, l) => [duel(task, translated(200, l), 8, 4)]);
    const one = pairedTest(...languages[0]![0]!, options());
    const all = pairedMeanTest(languages, options());
    // The exact sign test of 8 against 4 has p = .388; ties of |difference| make it two-sided.
    expect(one.p).toBeCloseTo(0.388, 1);
    expect(all.p).toBe(one.p);
    expect(all.difference).toBeCloseTo(one.difference, 12);
  });

  it('takes languages with examples of their own for as many samples', () => {
    const languages = Array.from({ length: 15 }, (_, l) => [duel('QAM', translated(200, l), 8, 4)]);
    expect(pairedMeanTest(languages, { samples: 2000 }).p).toBeLessThan(0.01);
  });

  it('finds translations by their ids, in whatever order and number they come', () => {
    const gold = translated(200, 0);
    const [first, second] = duel('PAWSX', gold, 8, 4);
    const order = new Random(3).permutation(200);
    const shuffled = [...order].map((i) => gold[i]!).filter((_, at) => at % 10 !== 0);
    const at = (t: typeof first) =>
      rights(
        'PAWSX',
        shuffled,
        shuffled.map((example) => t.counts[2 * Number((example as { id: string }).id)]!),
      );
    const pair = [first, second] as const;
    const other = [at(first), at(second)] as const;
    const options = () => ({ samples: 20_000, random: new Random(1) });
    const units = pairedMeanTest([[pair], [other]], options());
    expect(units.p).toBeGreaterThan(0.3);
    expect(pairedMeanTest([[pair], [pair]], options()).p).toBe(pairedTest(...pair, options()).p);
  });

  it('swaps the examples of a premise together, also where a limit cuts the last', () => {
    const gold = pairs(20, 3).slice(0, 59);
    const first = rights('XNLI', gold, new Array(59).fill(1));
    const wrong = gold.map((_, i) => (i < 9 || i >= 57 ? 0 : 1));
    // 11 differences, all one way, in 4 premises: 2 / 2^4.
    const { p } = pairedTest(first, rights('XNLI', gold, wrong), { samples: 20_000 });
    expect(p).toBeCloseTo(2 / 2 ** 4, 2);
  });

  it('follows a context through the languages that share its questions', () => {
    const questions = (language: string, ids: readonly number[]): Example[] =>
      ids.map((i) => ({
        kind: 'span',
        id: `${i}`,
        question: 'who?',
        // English has one context for the questions 0 and 1, German another for each.
        context: language === 'en' ? `en ${Math.floor(i / 2)}` : `de ${i}`,
        answers: [{ text: 'she', start: 0 }],
      }));
    const of = (language: string, ids: readonly number[]) => {
      const gold = questions(language, ids);
      const answers = (text: string) => Object.fromEntries(ids.map((i) => [`${i}`, text]));
      return [[tally('MLQA', gold, answers('she')), tally('MLQA', gold, answers('it'))] as const];
    };
    // Four contexts in English, and whatever German asks is about them.
    const { p } = pairedMeanTest([of('en', [0, 1, 2, 3, 4, 5, 6, 7]), of('de', [6, 1, 2])], {
      samples: 20_000,
    });
    expect(p).toBeCloseTo(2 / 2 ** 4, 2);
  });

  it('does not take what stands for a text that is missing for a text', () => {
    const gold: Example[] = Array.from({ length: 6 }, (_, i) => ({
      kind: 'text',
      texts: ['NS', `sentence ${i}`],
      label: '1',
      id: `${i}`,
    }));
    const { p } = pairedTest(rights('PAWSX', gold, new Array(6).fill(1)), rights('PAWSX', gold, []), {
      samples: 20_000,
    });
    expect(p).toBeCloseTo(2 / 2 ** 6, 2);
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
    expect(() => pairedMeanTest([[[all, all]], [[all, few]]])).toThrow(
      'needs the same examples, not 400 and 3',
    );
    expect(() =>
      pairedMeanTest([
        [
          [all, all],
          [few, few],
        ],
      ]),
    ).toThrow('needs the same examples, not 400 and 3');
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
    expect(joinTallies(parts)).toEqual(whole);
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
    expect(tally('WPR', pages, ['1', '2', '3', '4', '0']).examples).toBe(2);
  });

  it('names predictions of another task', () => {
    expect(() => tally('QAM', gold, [['1']])).toThrow('Expected one label or text an example');
    expect(() => tally('POS', gold, [['1']])).toThrow('Expected words with tags');
    expect(() => tally('QAM', [], [])).toThrow('No QAM examples to score');
  });
});
