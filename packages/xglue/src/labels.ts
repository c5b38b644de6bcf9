import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { findSplit } from './layout.ts';
import { readLines, strictly } from './lines.ts';
import { type Task, task } from './tasks.ts';

/**
 * A task's labels in the order of the classes: the benchmark's own, or those of the label file, or those that
 * the English training file has (the dev file where there is none), sorted.
 *
 * @throws {SdqError} `path-not-found`, `unknown-name`; `bad-option` for a task without labels
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
  return fromEnglish(folder, info);
}

function fromLabelFile(file: string): string[] {
  const labels = [...readLines(file, strictly())]
    .map((line) => line.text.trim())
    .filter((label) => label !== '');
  if (labels.length === 0) throw new SdqError('empty-data', `${file} lists no labels.`);
  return [...new Set(labels)];
}

function fromEnglish(folder: string, info: Task): string[] {
  const file = join(folder, info.files.train.replace('{language}', 'en'));
  const source = existsSync(file) ? file : findSplit(folder, info, 'en', 'dev').file;
  const separator = info.kind === 'token' ? ' ' : '\t';
  const labels = new Set<string>();
  for (const { text } of readLines(source, strictly())) {
    const at = text.lastIndexOf(separator);
    if (at >= 0) labels.add(text.slice(at + 1).trim());
  }
  labels.delete('');
  if (labels.size === 0) throw new SdqError('empty-data', `${source} has no labels.`);
  return [...labels].sort();
}
