import { fileURLToPath } from 'node:url';

/**
 * The folder of the small multilingual topic set that the package carries, in the benchmark's layout: the task NC
 * with 8 topics, 600 English training examples and 64 dev examples in each of 13 languages.
 *
 * Written for the project; public domain (CC0).
 *
 * @example
 * ```ts
 * import { readSplit, topicsFolder } from '@sdq/xglue';
 *
 * readSplit({ folder: topicsFolder(), task: 'NC', language: 'sw', split: 'dev' }).length; // 64
 * ```
 */
export function topicsFolder(): string {
  return fileURLToPath(new URL('../data/topics', import.meta.url));
}
