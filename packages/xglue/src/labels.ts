import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { quoted, SdqError } from '@sdq/core';
import { isHeader, isJsonLine } from './file-kind.ts';
import { findSplit, listLanguages } from './layout.ts';
import { badLine, type Line, readLines, strictly } from './lines.ts';
import { headerError, notColumns } from './read-columns.ts';
import { labelColumn, notWords } from './read-words.ts';
import { type Task, task } from './tasks.ts';

/** Labels that are longer than this on average, in UTF-16 units, are texts. */
const LABEL_LENGTH = 64;
/** More different labels than this are too many where each has fewer than two examples on average. */
const MANY_LABELS = 20;
/** Lines that show whether a column holds labels. */
const SAMPLE_LINES = 4096;
/** Examples that each class has, where one that has a single one stands out. */
const COMMON = 4;

/**
 * A task's labels in the order of the classes: the benchmark's own, or those of the label file, or those that
 * the English training file has (the dev or test file where there is none), sorted.
 *
 * @throws {SdqError} `path-not-found`, `unknown-name`; `bad-option` for a task without labels; `bad-data` or `bad-label`
 * for a file that has a header, or texts where labels should be
 *
 * @example
 * ```ts
 * import { taskLabels } from '@sdq/xglue';
 *
 * taskLabels('xglue', 'POS'); // ['ADJ', 'ADP', ...]
 * ```
 */
export function taskLabels(folder: string, taskName: string): readonly string[] {
  const info = task(taskName);
  if (info.labels !== undefined) return info.labels;
  if (info.kind === 'span' || info.kind === 'generation') {
    throw new SdqError('bad-option', `${info.name} has no labels: its answers are texts.`);
  }
  if (info.labelFile !== undefined && existsSync(join(folder, info.labelFile))) {
    return fromLabelFile(join(folder, info.labelFile));
  }
  return fromExamples(folder, info);
}

function fromLabelFile(file: string): string[] {
  const labels = [...readLines(file, strictly())]
    .map((line) => line.text.trim())
    .filter((label) => label !== '');
  if (labels.length === 0) throw new SdqError('empty-data', `${file} lists no labels.`);
  return [...new Set(labels)];
}

function fromExamples(folder: string, info: Task): string[] {
  const file = labelSource(folder, info);
  const labels = info.kind === 'token' ? tagsOf(file) : classesOf(file, info.columns ?? []);
  labels.delete('');
  if (labels.size === 0) throw new SdqError('empty-data', `${file} has no labels.`);
  return [...labels].sort();
}

/** The English training file, or else the dev or test file: in English, where the folder has it. */
function labelSource(folder: string, info: Task): string {
  const train = join(folder, info.files.train.replace('{language}', 'en'));
  if (existsSync(train)) return train;
  for (const split of ['dev', 'test'] as const) {
    const languages = listLanguages(folder, info.name, split).map(({ language }) => language);
    const language = languages.includes('en') ? 'en' : languages[0];
    if (language !== undefined) return findSplit(folder, info, language, split).file;
  }
  return findSplit(folder, info, 'en', 'dev').file;
}

function tagsOf(file: string): Set<string> {
  const labels = new Set<string>();
  for (const { text, number } of readLines(file, strictly())) {
    if (number === 1 && isHeader(text.split(/[ \t]/))) throw headerError(file, text.split(/[ \t]/));
    const at = labelColumn(text);
    if (number === 1 && text.trim() !== '' && (at < 0 || isJsonLine(text))) {
      throw badLine(file, 1, notWords(text));
    }
    if (at >= 0) labels.add(text.slice(at + 1).trim());
  }
  return labels;
}

/** What the last column holds, if those are labels. */
function classesOf(file: string, columns: readonly string[]): Set<string> {
  const labels = new Map<string, number>();
  const others = columns.slice(0, -1).map(() => new Set<string>());
  let [lines, length] = [0, 0];
  let [first, odd]: [string | undefined, Line | undefined] = [undefined, undefined];
  for (const line of readLines(file, strictly())) {
    const fields = line.text.split('\t').map((field) => field.trim());
    if (line.number === 1) {
      if (isHeader(fields)) throw headerError(file, fields);
      if (isJsonLine(line.text)) throw badLine(file, 1, notColumns(line.text, columns));
    }
    if (fields.length !== columns.length) {
      if (line.text.trim() !== '') odd ??= line;
      continue;
    }
    const label = fields.at(-1)!;
    if (line.number === 1) first = label;
    lines += 1;
    length += label.length;
    labels.set(label, (labels.get(label) ?? 0) + 1);
    if (lines <= SAMPLE_LINES) for (const [i, values] of others.entries()) values.add(fields[i]!);
    // Enough to know that they are no labels.
    else if (2 * labels.size > lines) break;
  }
  // A file of another kind; or a test file, which may have no labels.
  if (lines === 0 && odd && odd.text.split('\t').length !== columns.length - 1) {
    throw badLine(file, odd.number, notColumns(odd.text, columns));
  }
  const fewest = Math.min(...others.map(({ size }) => size));
  const column = others.findIndex(({ size }) => size === fewest) + 1;
  const tooLong = length > LABEL_LENGTH * lines;
  const tooMany = labels.size > MANY_LABELS && 2 * labels.size > lines;
  const swapped = lines > 3 && labels.size === lines && 2 * fewest <= lines;
  if (tooLong || tooMany || swapped) {
    const expected = `has ${labels.size} different labels in ${lines} lines: expected the columns ${columns.join(', ')}`;
    const hint =
      4 * fewest <= labels.size ? `, and column ${column} has only ${fewest} different values` : '';
    throw new SdqError('bad-label', `${file} ${expected}${hint}.`);
  }
  requireNoHeader(file, first, labels);
  return new Set(labels.keys());
}

/** A header whose words are not known shows as a label that the first line alone has. */
function requireNoHeader(file: string, first: string | undefined, labels: ReadonlyMap<string, number>): void {
  if (first === undefined || labels.get(first) !== 1 || labels.size < 2) return;
  if ([...labels].some(([label, count]) => label !== first && count < COMMON)) return;
  throw new SdqError(
    'bad-label',
    `${file}:1 has the label ${quoted(first)}, which no other line has: delete the line, be it a header or the only example of a class.`,
  );
}
