import { describe, expect, it } from 'vitest';
import type { TextExample } from './examples.ts';
import { listLanguages } from './layout.ts';
import { readSplit } from './read-split.ts';
import { topicsFolder } from './topics-folder.ts';

const folder = topicsFolder();
const languages = listLanguages(folder, 'NC', 'dev').map(({ language }) => language);
const read = (language: string, split: 'train' | 'dev') =>
  readSplit({ folder, task: 'NC', language, split }) as TextExample[];

function counts(examples: readonly TextExample[]): number[] {
  const found = new Map<string, number>();
  for (const { label } of examples) found.set(label, (found.get(label) ?? 0) + 1);
  return [...found.values()];
}

/** The set of runs of three words (of characters, where the script has no spaces) of a text. */
function shingles({ texts }: TextExample): Set<string> {
  const body = texts.at(-1)!.toLowerCase();
  const spaced = body.split(/\s+/u);
  const units = spaced.length > 5 ? spaced : [...body];
  const width = spaced.length > 5 ? 3 : 6;
  return new Set(units.slice(width - 1).map((_, i) => units.slice(i, i + width).join(' ')));
}

describe('the topic set', () => {
  it('has 600 English training examples and at least 60 dev examples in 9 or more languages', () => {
    expect(read('en', 'train')).toHaveLength(600);
    expect(languages.length).toBeGreaterThanOrEqual(9);
    for (const language of languages) expect(read(language, 'dev').length).toBeGreaterThanOrEqual(60);
  });

  it('covers at least 5 scripts besides Latin', () => {
    const scripts = ['Cyrillic', 'Greek', 'Arabic', 'Devanagari', 'Han', 'Thai', 'Hiragana'];
    const text = languages
      .flatMap((language) => read(language, 'dev').map(({ texts }) => texts.join(' ')))
      .join(' ');
    const found = scripts.filter((script) => new RegExp(`\\p{Script=${script}}{3}`, 'u').test(text));
    expect(found.length).toBeGreaterThanOrEqual(5);
  });

  it('has each of 8 labels equally often', () => {
    expect(new Set(counts(read('en', 'train')))).toEqual(new Set([75]));
    for (const language of languages) {
      expect(counts(read(language, 'dev'))).toEqual(new Array(8).fill(8));
    }
  });

  it('has no duplicate in or across its splits, and no pair that shares half of its wording', () => {
    for (const examples of [
      [...read('en', 'train'), ...read('en', 'dev')],
      ...languages.map((l) => read(l, 'dev')),
    ]) {
      const titles = examples.map(({ texts }) => texts[0]!.toLowerCase());
      expect(new Set(titles).size).toBe(titles.length);
      const owners = new Map<string, number[]>();
      const sets = examples.map(shingles);
      sets.forEach((set, i) => {
        for (const shingle of set) owners.set(shingle, [...(owners.get(shingle) ?? []), i]);
      });
      const shared = new Map<string, number>();
      for (const ids of owners.values()) {
        for (const a of ids)
          for (const b of ids) if (a < b) shared.set(`${a},${b}`, (shared.get(`${a},${b}`) ?? 0) + 1);
      }
      for (const [pair, count] of shared) {
        const [a, b] = pair.split(',').map(Number) as [number, number];
        expect(count / Math.min(sets[a]!.size, sets[b]!.size), `examples ${pair}`).toBeLessThan(0.5);
      }
    }
  });
});
