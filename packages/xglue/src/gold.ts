import { SdqError } from '@sdq/core';
import type { Example, SpanExample, TextExample, WordsExample } from './examples.ts';

export const textsOf = (gold: readonly Example[]): TextExample[] =>
  gold.map((example) => (example.kind === 'text' ? example : wrongKind(example.kind, 'texts with a label')));

export const wordsOf = (gold: readonly Example[]): WordsExample[] =>
  gold.map((example) => (example.kind === 'words' ? example : wrongKind(example.kind, 'words with tags')));

export const spansOf = (gold: readonly Example[]): SpanExample[] =>
  gold.map((example) => (example.kind === 'span' ? example : wrongKind(example.kind, 'questions')));

export const targetsOf = (gold: readonly Example[]): string[] =>
  gold.map((example) =>
    example.kind === 'generation' ? example.target : wrongKind(example.kind, 'texts with a target'),
  );

function wrongKind(kind: string, expected: string): never {
  throw new SdqError('bad-data', `Expected ${expected}, but an example is of the kind "${kind}".`);
}
