import { listLanguages, readSplit, type TextExample } from '@sdq/xglue';
import type { Sentence } from './language-model.ts';

/** Sentences with the index of their language: of each language three quarters to train on, and the rest. */
export interface Sentences {
  readonly languages: readonly string[];
  readonly train: readonly Sentence[];
  readonly test: readonly Sentence[];
}

/** The bodies of the dev examples of a topic set, by language. */
export function readSentences(folder: string): Sentences {
  const languages = listLanguages(folder, 'NC', 'dev').map(({ language }) => language);
  const all = languages.map((language, label) =>
    (readSplit({ folder, task: 'NC', language, split: 'dev' }) as TextExample[]).map(
      ({ texts }): Sentence => ({ text: texts.at(-1)!, label }),
    ),
  );
  return {
    languages,
    train: all.flatMap((sentences) => sentences.filter((_, i) => i % 4 !== 0)),
    test: all.flatMap((sentences) => sentences.filter((_, i) => i % 4 === 0)),
  };
}
