import type { DataNote } from './lines.ts';

const WHAT: Readonly<Record<DataNote['kind'], (count: number) => string>> = {
  'byte-order-mark': () => 'a byte order mark, which is left out',
  'carriage-return': (count) =>
    `${count === 1 ? 'a carriage return' : `${count} carriage returns`}, left out`,
  'empty-field': (count) => (count === 1 ? 'an empty field' : `${count} empty fields`),
  'blank-line': (count) => `${count === 1 ? 'a blank line' : `${count} blank lines`}, left out`,
};

/**
 * Counts what reading tolerates, by file and kind, and remembers where each came first.
 *
 * @example
 * ```ts
 * import { NoteCounter } from '@sdq/xglue';
 *
 * const notes = new NoteCounter();
 * notes.add({ kind: 'empty-field', file: 'NC/xglue.nc.de.dev', line: 7 });
 * notes.sentences(); // ['NC/xglue.nc.de.dev:7 has an empty field.']
 * ```
 */
export class NoteCounter {
  private readonly found = new Map<string, { readonly note: DataNote; count: number }>();

  readonly add = (note: DataNote): void => {
    const key = `${note.kind} ${note.file}`;
    const known = this.found.get(key);
    if (known) known.count += 1;
    else this.found.set(key, { note, count: 1 });
  };

  /** One sentence for each kind in each file, with the line where it came first. */
  sentences(): string[] {
    return [...this.found.values()].map(({ note: { kind, file, line }, count }) =>
      count === 1
        ? `${file}:${line} has ${WHAT[kind](1)}.`
        : `${file} has ${WHAT[kind](count)}; the first is in line ${line}.`,
    );
  }
}
