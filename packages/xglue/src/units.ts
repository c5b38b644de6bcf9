import { createHash } from 'node:crypto';
import type { Example } from './examples.ts';
import type { Tally } from './tally.ts';
import type { TaskUnits } from './tasks.ts';

/** What ties an example to others, in short form. */
export interface ExampleLinks {
  /** The same in the example's translations; empty where it has none. */
  readonly id: string;
  /** Of the texts that it may share with other examples of its cluster. */
  readonly texts: readonly string[];
}

/** The units of tallies that are resampled together. */
export interface Units {
  readonly count: number;
  /** [tallies][examples]: the unit of each example, in [0, count). */
  readonly of: readonly Int32Array[];
}

/** What ties an example to others, by what its task declares. */
export function exampleLinks(example: Example, { parallel, cluster, placeholder }: TaskUnits): ExampleLinks {
  const id =
    parallel === 'id' && (example.kind === 'text' || example.kind === 'span') ? example.id : undefined;
  return {
    id: id ?? '',
    texts: sharedTexts(example, cluster?.length ?? 0)
      .filter((text) => text !== placeholder)
      .map(digest),
  };
}

function sharedTexts(example: Example, count: number): readonly string[] {
  if (count === 0) return [];
  switch (example.kind) {
    case 'text':
      return example.texts.slice(0, count);
    case 'span':
      return [example.context];
    case 'generation':
      return [example.source];
    case 'words':
      return [];
  }
}

// A tally outlives its examples, and a text would keep the whole file in memory.
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);

/**
 * The units of several tallies of one task, such as those of its languages: examples that share a cluster's text, and the
 * translations of an example, are one unit, and so is whatever these tie together. Joining examples that are independent
 * leaves tests and intervals valid and costs little; not joining those that depend on each other makes both too sure.
 *
 * @param tallies - one a language; of the same language several are taken for several languages
 */
export function jointUnits(tallies: readonly Tally[]): Units {
  const starts = [0];
  for (const { examples } of tallies) starts.push(starts.at(-1)! + examples);
  const forest = Int32Array.from({ length: starts.at(-1)! }, (_, i) => i);
  const firstWith = new Map<string, number>();
  const tie = (key: string, example: number): void => {
    const first = firstWith.get(key);
    if (first === undefined) firstWith.set(key, example);
    else forest[rootOf(forest, example)] = rootOf(forest, first);
  };
  for (const [t, { examples, links, parallel }] of tallies.entries()) {
    for (let i = 0; i < examples; i++) {
      const example = starts[t]! + i;
      const { id, texts } = links[i]!;
      if (id !== '') tie(`id ${id}`, example);
      else if (parallel !== undefined) tie(`line ${i}`, example);
      for (const text of texts) tie(`text ${text}`, example);
    }
  }
  const numbers = new Map<number, number>();
  const of = tallies.map(({ examples }, t) =>
    Int32Array.from({ length: examples }, (_, i) => {
      const root = rootOf(forest, starts[t]! + i);
      const number = numbers.get(root) ?? numbers.size;
      numbers.set(root, number);
      return number;
    }),
  );
  return { count: numbers.size, of };
}

function rootOf(forest: Int32Array, start: number): number {
  let at = start;
  while (forest[at] !== at) {
    forest[at] = forest[forest[at]!]!;
    at = forest[at]!;
  }
  return at;
}
