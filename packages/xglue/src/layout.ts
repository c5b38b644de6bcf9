import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SdqError, unknownName } from '@sdq/core';
import { folderContents } from './file-kind.ts';
import { readLines, strictly } from './lines.ts';
import { type SplitName, type Task, task, tasks } from './tasks.ts';

/** A language that a data folder has. */
export interface FoundLanguage {
  readonly language: string;
  /** Whether the official benchmark has the task in this language. */
  readonly official: boolean;
}

/** Where the examples of one language and split lie. */
export interface SplitSource {
  readonly file: string;
  /** Set where one file holds all languages, with a column that tells them apart. */
  readonly combined: boolean;
}

const SPLITS: readonly string[] = ['train', 'dev', 'test'];

/**
 * The languages in which `folder` has a split of a task, sorted by code.
 *
 * @throws {SdqError} `path-not-found` where the folder or the task's folder is missing, `unknown-name` for a
 * task or split
 *
 * @example
 * ```ts
 * import { listLanguages } from '@sdq/xglue';
 *
 * listLanguages('xglue', 'PAWSX', 'dev'); // [{ language: 'de', official: true }, ...]
 * ```
 */
export function listLanguages(folder: string, taskName: string, split: SplitName): FoundLanguage[] {
  const info = task(taskName);
  checkSplit(split);
  checkFolder(folder, info);
  const found = new Set([
    ...languagesOf(folder, info.files[split]),
    ...combinedLanguages(folder, info, split),
  ]);
  return [...found].sort().map((language) => ({ language, official: info.languages.includes(language) }));
}

/** The file of one language and split, or an error that says what the folder has instead. */
export function findSplit(folder: string, info: Task, language: string, split: SplitName): SplitSource {
  checkSplit(split);
  checkFolder(folder, info);
  const file = join(folder, info.files[split].replaceAll('{language}', language));
  const fixed = !info.files[split].includes('{language}');
  if (existsSync(file) && (!fixed || language === 'en')) return { file, combined: false };
  const languages = listLanguages(folder, info.name, split).map((found) => found.language);
  if (languages.includes(language)) return { file: combinedFile(folder, split), combined: true };
  if (languages.length === 0) {
    throw noSplit(folder, info, split, file);
  }
  throw unknownName(`${info.name} ${split} language`, language, languages);
}

/** The error for a split that a folder lacks, with what the task's folder has instead. */
export function noSplit(
  folder: string,
  info: Task,
  split: SplitName,
  file = join(folder, info.files[split].replaceAll('{language}', 'en')),
): SdqError {
  const found = folderContents(join(folder, info.name));
  return new SdqError('path-not-found', `No ${split} split of ${info.name}: expected ${file}, but ${found}.`);
}

/**
 * The files of a task from which a model is trained in English and scored on dev sets: those of the splits, and that of the labels.
 *
 * @param languages - of the dev sets; all that the folder has, if absent
 * @throws {SdqError} as {@link listLanguages}
 *
 * @example
 * ```ts
 * import { taskFiles } from '@sdq/xglue';
 *
 * taskFiles('xglue', 'POS', ['de']); // ['xglue/POS/en.train', 'xglue/POS/de.dev', 'xglue/POS/labels']
 * ```
 */
export function taskFiles(folder: string, taskName: string, languages?: readonly string[]): string[] {
  const info = task(taskName);
  const scored = languages ?? listLanguages(folder, info.name, 'dev').map(({ language }) => language);
  const labels = info.labelFile === undefined ? [] : [join(folder, info.labelFile)];
  const splits = [
    findSplit(folder, info, 'en', 'train'),
    ...scored.map((language) => findSplit(folder, info, language, 'dev')),
  ];
  return [...new Set([...splits.map(({ file }) => file), ...labels.filter((file) => existsSync(file))])];
}

function checkSplit(split: string): void {
  if (!SPLITS.includes(split)) throw unknownName('split', split, SPLITS);
}

function checkFolder(folder: string, info: Task): void {
  if (!isFolder(folder)) {
    throw new SdqError('path-not-found', `No folder ${folder}: give the folder that holds NC/, POS/, ....`);
  }
  if (isFolder(join(folder, info.name))) return;
  const held = tasks.map((known) => known.name).filter((name) => isFolder(join(folder, name)));
  const hint = held.length > 0 ? `it has ${held.join(', ')}` : 'give the folder that holds NC/, POS/, ...';
  throw new SdqError('path-not-found', `No folder ${info.name} in ${folder}: ${hint}.`);
}

/** The languages for which a file matches the pattern; its place for the code is in one path segment. */
function languagesOf(folder: string, pattern: string): string[] {
  const marked = pattern.indexOf('{language}');
  if (marked < 0) return existsSync(join(folder, pattern)) ? ['en'] : [];
  const segmentEnd = pattern.indexOf('/', marked);
  const segment = segmentEnd < 0 ? pattern : pattern.slice(0, segmentEnd);
  const parent = join(folder, dirname(segment));
  if (!isFolder(parent)) return [];
  const name = segment.slice(segment.lastIndexOf('/') + 1);
  const [head = '', ...rest] = name.split('{language}').map(escapeRegExp);
  const matcher = new RegExp(`^${head}([a-z]{2,3})${rest.join('\\1')}$`);
  return readdirSync(parent).flatMap((entry) => {
    const language = matcher.exec(entry)?.[1];
    if (language === undefined) return [];
    return existsSync(join(folder, pattern.replaceAll('{language}', language))) ? [language] : [];
  });
}

/** XNLI is also published as one file of all languages, with a header; column 0 is the language. */
function combinedLanguages(folder: string, info: Task, split: SplitName): string[] {
  if (info.name !== 'XNLI' || split === 'train') return [];
  const file = combinedFile(folder, split);
  if (!existsSync(file)) return [];
  const found = new Set<string>();
  for (const line of readLines(file, { ...strictly(), fail: () => {} })) {
    const language = line.text.slice(0, Math.max(0, line.text.indexOf('\t')));
    if (line.number > 1 && /^[a-z]{2,3}$/.test(language)) found.add(language);
  }
  return [...found];
}

const combinedFile = (folder: string, split: SplitName): string => join(folder, 'XNLI', `xnli.${split}.tsv`);

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
