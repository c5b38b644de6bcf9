import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planFlag } from './plan-flag.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-plan-'));
const file = join(root, 'plan.json');
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('planFlag', () => {
  it('hands presets on, and reads rules from a file', () => {
    expect(planFlag('w2a8')).toBe('w2a8');
    writeFileSync(file, '{"rules": [{"match": "**", "weight": "sign-per-tensor"}], "note": "kept"}');
    expect(planFlag(file)).toEqual([{ match: '**', weight: 'sign-per-tensor' }]);
  });

  it('refuses an unknown name, and a file that is not there', () => {
    expect(() => planFlag('w9a9')).toThrow(
      /Unknown plan "w9a9": choose one of w8a8, .*embeddings-int4, or a file/,
    );
    expect(() => planFlag('/nowhere/plan.json')).toThrow('/nowhere/plan.json cannot be read');
    expect(() => planFlag(join(root, '.json'))).toThrow('cannot be read');
  });

  it.each([
    ['{', 'not JSON'],
    ['[]', 'holds no plan'],
    ['null', 'holds no plan'],
    ['{"rules": []}', 'holds no plan'],
    ['{"rules": [{"match": "**", "weight": "int9"}]}', 'Rule 1 of the plan has "int9"'],
    ['{"rules": [7]}', 'Rule 1 of the plan is no object'],
  ])('refuses a file with %s', (text, message) => {
    writeFileSync(file, text);
    expect(() => planFlag(file)).toThrow(message);
    expect(() => planFlag(file)).toThrow(file);
  });

  it('refuses a file that is too long to be a plan', () => {
    truncateSync(file, 2 ** 20 + 1);
    expect(() => planFlag(file)).toThrow('at most 1048576 bytes');
  });
});
