import { expect, it } from 'vitest';
import { textTable } from './text-table.ts';

it('aligns columns under a rule', () => {
  expect(
    textTable([
      ['', 'fp32', 'SDQ'],
      ['en', '95.2', '9.1'],
    ]),
  ).toBe('    fp32  SDQ\n--  ----  ---\nen  95.2  9.1');
});
