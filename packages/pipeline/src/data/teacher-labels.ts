import { listed, SdqError } from '@sdq/core';

/** The labels of a run whose teacher is given. */
export interface TeacherLabels {
  /** In the order of the teacher's outputs, under the names that the task has for them. */
  readonly labels: readonly string[];
  /** Those that the task does not have: the student keeps the outputs for them. */
  readonly extra: readonly string[];
}

/**
 * Matches the labels of a teacher with those of a task by name, in any order; where none is the same, with one that
 * differs in case alone.
 *
 * @param own - the teacher's labels, in the order of its outputs
 * @param wanted - the task's labels, each once
 * @param source - the teacher's folder, for errors
 * @throws SdqError `bad-label` that lists the labels without an output, and the outputs that match no label
 */
export function teacherLabels(
  own: readonly string[],
  wanted: readonly string[],
  source: string,
): TeacherLabels {
  const outputs = new Map(wanted.map((label) => [matching(own, label), label]));
  const extra = own.filter((_, output) => !outputs.has(output));
  const missing = wanted.filter((label) => matching(own, label) < 0);
  if (missing.length > 0) throw unmatched(source, missing, extra);
  return { labels: own.map((label, output) => outputs.get(output) ?? label), extra };
}

/** The index of the only label of that name, or else of the only one whose name differs in case alone; else -1. */
function matching(own: readonly string[], label: string): number {
  const folded = (name: string) => name.normalize('NFC').trim().toLowerCase();
  for (const key of [(name: string) => name, folded]) {
    const found = own.flatMap((name, output) => (key(name) === key(label) ? [output] : []));
    if (found.length > 0) return found.length === 1 ? found[0]! : -1;
  }
  return -1;
}

function unmatched(source: string, missing: readonly string[], extra: readonly string[]): SdqError {
  const numbered = extra.length > 0 && extra.every((label) => /^LABEL_\d+$/.test(label));
  const own = numbered
    ? `Its labels ${listed(extra)} have no names: write them into id2label of its config.json`
    : extra.length > 0
      ? `Of its own labels these match none: ${listed(extra)}`
      : 'All of its own labels match one';
  return new SdqError('bad-label', `${source} has no output for the labels ${listed(missing)}. ${own}.`);
}
