import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPredictions, writePredictions } from './prediction-files.ts';
import type { Predictions } from './predictions.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xglue-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (task: string, predictions: Predictions) =>
  writePredictions({ folder, task, language: 'en', predictions });
const read = (task: string) => readPredictions({ folder, task, language: 'en' });

describe('prediction files', () => {
  it.each<[string, Predictions, string]>([
    ['XNLI', ['neutral', 'entailment'], 'neutral\nentailment\n'],
    ['POS', [['DET', 'NOUN'], ['X']], 'DET\nNOUN\n\nX\n\n'],
    ['QG', ['Who\nis it?', ''], 'Who is it?\n\n'],
    ['MLQA', { q1: 'a "b"' }, '{\n    "q1": "a \\"b\\""\n}\n'],
  ])('of %s are in the official format', (task, predictions, text) => {
    const file = write(task, predictions);
    expect(file).toBe(join(folder, task, 'en.prediction'));
    expect(readFileSync(file, 'utf8')).toBe(text);
    if (task !== 'QG') expect(read(task)).toEqual(predictions);
    else expect(read(task)).toEqual(['Who is it?', '']);
  });

  it('refuses what would break the format', () => {
    expect(() => write('XNLI', ['a\nb'])).toThrow('empty or has a line break');
    expect(() => write('POS', [['DET', '']])).toThrow('empty or has a line break');
    expect(() => write('POS', ['DET'])).toThrow('must be tags of each sentence');
    expect(() => write('MLQA', ['a'])).toThrow('must be answers by question id');
    expect(() => write('NC', { a: 'b' })).toThrow('must be one string an example');
  });

  it.each([
    ['{\n "a": }', /en\.prediction:2 is not valid JSON/],
    ['[]', /must hold one JSON object/],
    ['{"a": 1}', /has an answer to a that is not a string/],
    ['{}', /has no predictions/],
  ])('names broken JSON: %s', (text, message) => {
    mkdirSync(join(folder, 'MLQA'));
    writeFileSync(join(folder, 'MLQA/en.prediction'), text);
    expect(() => read('MLQA')).toThrow(message);
  });

  it('names a missing file, and an empty one', () => {
    expect(() => read('NC')).toThrow(`No file ${join(folder, 'NC/en.prediction')}`);
    mkdirSync(join(folder, 'NC'));
    writeFileSync(join(folder, 'NC/en.prediction'), '');
    expect(() => read('NC')).toThrow('has no predictions');
  });
});
