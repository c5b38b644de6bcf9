import { createHash } from 'node:crypto';
import type { Example, Task } from '@sdq/xglue';

/** Training examples, and those of them that no stage trains on or calibrates with. */
export interface Split<T> {
  readonly train: T[];
  readonly heldOut: T[];
}

/** At most one example in so many is held out, and at least one example where there are two. */
const ONE_IN = 20;

/**
 * Holds some training examples out, for choices that must not be made on what is scored or trained on.
 *
 * Which ones follows from their texts alone, not from their order or from the seed of a run: those whose hash is smallest, until
 * `enough`. So a teacher of one seed was not trained on what a run of another seed holds out. Examples of one text, as
 * {@link sharedText} gives it, stay on one side. Of a single text nothing is held out.
 *
 * @param textOf - what examples share that belong together
 * @param enough - whether what is held out suffices
 */
export function holdOut<T>(
  examples: readonly T[],
  textOf: (item: T) => string,
  enough: (heldOut: readonly T[]) => boolean,
): Split<T> {
  const groups = new Map<string, T[]>();
  for (const item of examples) {
    const text = textOf(item);
    const group = groups.get(text);
    if (group) group.push(item);
    else groups.set(text, [item]);
  }
  const most = Math.max(Math.floor(examples.length / ONE_IN), 1);
  const ranked = [...groups].map(([text, group]) => ({ hash: sha256(text), group }));
  ranked.sort((a, b) => (a.hash < b.hash ? -1 : 1));
  const heldOut: T[] = [];
  for (const { group } of ranked) {
    if (heldOut.length === most || enough(heldOut)) break;
    if (groups.size > 1 && heldOut.length + group.length <= most) heldOut.push(...group);
  }
  const taken = new Set(heldOut);
  return { train: examples.filter((item) => !taken.has(item)), heldOut };
}

/** What examples of a task have in common that belong together: a premise, a context, or where there is no such text all of it. */
export function sharedText(example: Example, { units }: Task): string {
  if (example.kind === 'span') return example.context;
  if (example.kind === 'words') return example.words.join(' ');
  if (example.kind === 'generation') return example.source;
  return units.cluster ? example.texts[0]! : example.texts.join('\n');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
