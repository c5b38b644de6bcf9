import { listed, SdqError } from '@sdq/core';
import type { Checkpoint } from './checkpoint.ts';
import type { Head } from './config.ts';
import type { HostTensor } from './host-tensor.ts';
import { headOutput } from './parameters.ts';

/** A checkpoint whose head has the labels that were asked for. */
export interface RelabelledCheckpoint extends Checkpoint {
  readonly head: Head;
  /** Labels of its own head that were not asked for: the outputs for them are left out. */
  readonly unused: readonly string[];
}

/**
 * A checkpoint with the outputs of its head in the order of `labels`. They are matched by name; where none is the same, by
 * one that differs in case alone. Outputs for other labels are left out, so that the softmax is over `labels`.
 *
 * @param labels - names, each once
 * @param source - the checkpoint's folder, for errors
 * @throws SdqError 'bad-label' that lists the labels without an output, and the outputs that match no label
 *
 * @example
 * ```ts
 * import { loadCheckpoint, withLabels } from '@sdq/models';
 *
 * const teacher = async (folder: string) => withLabels(await loadCheckpoint(folder), ['no', 'yes'], folder).head;
 * ```
 */
export function withLabels(
  checkpoint: Checkpoint,
  labels: readonly string[],
  source: string,
): RelabelledCheckpoint {
  const { config, head } = checkpoint;
  if (head === undefined) throw new SdqError('bad-checkpoint', `${source} has no head to match labels with.`);
  const rows = labels.map((label) => matching(head.labels, label));
  const unused = head.labels.filter((_, row) => !rows.includes(row));
  const missing = labels.filter((_, i) => rows[i]! < 0);
  if (missing.length > 0) throw unmatched(source, missing, unused);
  const output = headOutput(config, head);
  const tensors = new Map(checkpoint.tensors);
  for (const name of [`${output}.weight`, `${output}.bias`])
    tensors.set(name, chosenRows(tensors.get(name)!, rows));
  return { ...checkpoint, head: { kind: head.kind, labels: [...labels] }, tensors, unused };
}

/** The index of the only label of that name, or else of the only one whose name differs in case alone; else -1. */
function matching(own: readonly string[], label: string): number {
  for (const key of [(name: string) => name, (name: string) => name.normalize('NFC').trim().toLowerCase()]) {
    const found = own.flatMap((name, row) => (key(name) === key(label) ? [row] : []));
    if (found.length > 0) return found.length === 1 ? found[0]! : -1;
  }
  return -1;
}

function unmatched(source: string, missing: readonly string[], unused: readonly string[]): SdqError {
  const numbered = unused.length > 0 && unused.every((label) => /^LABEL_\d+$/.test(label));
  const own = numbered
    ? `Its labels ${listed(unused)} have no names: write them into id2label of its config.json`
    : unused.length > 0
      ? `Of its own labels these match none: ${listed(unused)}`
      : 'All of its own labels match one';
  return new SdqError('bad-label', `${source} has no output for the labels ${listed(missing)}. ${own}.`);
}

/** Some rows of a matrix, or elements of a vector. */
function chosenRows({ shape, data }: HostTensor, rows: readonly number[]): HostTensor {
  const width = shape.slice(1).reduce((product, length) => product * length, 1);
  const chosen = new Float32Array(rows.length * width);
  for (const [to, from] of rows.entries())
    chosen.set(data.subarray(from * width, (from + 1) * width), to * width);
  return { shape: [rows.length, ...shape.slice(1)], data: chosen };
}
