import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ScoreOptions, scorePredictions } from './score-predictions.ts';

const fixtures = fileURLToPath(new URL('../test/fixtures', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xglue-'));
  cpSync(fixtures, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (options: Partial<ScoreOptions>) =>
  scorePredictions({
    gold: join(folder, 'xglue'),
    predictions: join(folder, 'predictions'),
    split: 'dev',
    ...options,
  });
const put = (task: string, language: string, text: string) =>
  writeFileSync(join(folder, 'predictions', task, `${language}.prediction`), text);

describe('scorePredictions', () => {
  it('counts missing labels as wrong and missing tags as O, and says how many', () => {
    put('XNLI', 'en', 'entailment\n');
    put('POS', 'de', 'DET\nNOUN\n\nINTJ\nPUNCT\nPRON\nVERB\nPRON\nPUNCT\n');
    const { scores, warnings } = run({ tasks: ['XNLI', 'POS'] });
    expect(scores.XNLI!.en).toBeCloseTo(1 / 3, 12);
    expect(scores.POS!.de).toBe(1);
    const about = warnings.map((warning) => warning.replace(join(folder, 'predictions/'), ''));
    expect(about).toContain('XNLI/en.prediction has no predictions for 2 examples, which count as wrong.');
    expect(about).toContain('POS/de.prediction has no predictions for 5 words, which count as "O".');
  });

  it('tells of languages beyond, lacking and without data', () => {
    put('XNLI', 'vi', 'neutral\n');
    const { warnings } = run({ tasks: ['XNLI', 'PAWSX'] });
    expect(warnings).toContain('XNLI has predictions but no dev data in vi.');
    expect(warnings).toContain("PAWSX's average has ja, which the official one does not.");
    expect(warnings.join()).toContain('PAWSX was not scored in es, which the official average has.');
  });

  it('takes the languages asked for', () => {
    expect(run({ tasks: ['PAWSX'], languages: ['en', 'de'] }).average).toEqual({ PAWSX: 0.75 });
    expect(() => run({ tasks: ['PAWSX'], languages: ['xx'] })).toThrow('Unknown PAWSX dev language "xx"');
  });

  it('tells of labels outside the set, carriage returns and byte order marks', () => {
    put('QAM', 'en', '\uFEFF1\r\nyes\r\n1\r\n');
    const { scores, warnings } = run({ tasks: ['QAM'], languages: ['en'] });
    expect(scores.QAM!.en).toBeCloseTo(2 / 3, 12);
    expect(warnings.map((warning) => warning.replace(/^.*\//, ''))).toEqual([
      'en.prediction has 1 label outside the set: "yes".',
      'en.prediction:1 has a byte order mark, which is left out.',
      'en.prediction has 3 carriage returns, left out; the first is in line 1.',
    ]);
  });

  it('names what is missing or unusable', () => {
    expect(() => run({ predictions: join(folder, 'none') })).toThrow('give the folder of predictions');
    expect(() => run({ predictions: fixtures })).toThrow('expected files such as XNLI/en.prediction');
    expect(() => run({ tasks: ['ABC'] })).toThrow('Unknown task "ABC"');
    put('WPR', 'de', 'good\n1\n1\n1\n1\n');
    expect(() => run({ tasks: ['WPR'], languages: ['de'] })).toThrow(
      'predictions are numbers, but one is "good"',
    );
  });
});
