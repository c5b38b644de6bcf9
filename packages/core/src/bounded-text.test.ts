import { expect, it } from 'vitest';
import { listed, quoted } from './bounded-text.ts';
import { SdqError, unknownName } from './errors.ts';

it('quotes a text on one line, however long it is', () => {
  expect(quoted('a "b"\r\n\0')).toBe('"a \\"b\\"\\r\\n\\u0000"');
  expect(quoted('x'.repeat(1_000_000)).length).toBeLessThan(100);
  // Not the half of a character.
  expect(quoted('ab😀', 3)).toBe('"ab..."');
  expect(quoted('ab😀', 4)).toBe('"ab😀"');
});

it('lists some values, and says how many more there are', () => {
  expect(listed([])).toBe('');
  expect(listed(['a', 'b'])).toBe('a, b');
  expect(listed(Array.from({ length: 700 }, (_, i) => `n${i}`))).toMatch(/^n0, n1, .*, n19 and 680 more$/);
  expect(listed(['a\nb', 'y'.repeat(500)]).length).toBeLessThan(120);
});

it('bounds every message', () => {
  const names = Array.from({ length: 5000 }, (_, i) => `${i}`.repeat(100));
  expect(unknownName('task', 'x'.repeat(10_000), names).message.length).toBeLessThan(2100);
  const { message } = new SdqError('bad-data', `data.tsv:3 ${'x'.repeat(1_000_000)}: do this.`);
  expect(message.length).toBeLessThan(2100);
  expect(message).toMatch(/^data\.tsv:3 x+ \.\.\. x+: do this\.$/);
});
