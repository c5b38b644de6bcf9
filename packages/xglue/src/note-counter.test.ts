import { expect, it } from 'vitest';
import { NoteCounter } from './note-counter.ts';

it('counts by file and kind, and names the first line', () => {
  const notes = new NoteCounter();
  notes.add({ kind: 'byte-order-mark', file: 'a.dev', line: 1 });
  for (const line of [2, 3, 9]) notes.add({ kind: 'carriage-return', file: 'a.dev', line });
  notes.add({ kind: 'empty-field', file: 'b.dev', line: 4 });
  expect(notes.sentences()).toEqual([
    'a.dev:1 has a byte order mark, which is left out.',
    'a.dev has 3 carriage returns, left out; the first is in line 2.',
    'b.dev:4 has an empty field.',
  ]);
});
