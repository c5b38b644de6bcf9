import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { keepPredictions, versionTallies } from './run-predictions.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-predictions-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('finds the predictions that a run of an older release kept', () => {
  const gold = new Map([['en', [{ kind: 'text', texts: ['a'], label: 'x' } as const]]]);
  keepPredictions(root, 'ptqMinMax', 'NC', 'en', { predictions: ['x'] });
  expect(versionTallies(root, 'ptq-min-max', 'NC', gold)?.en).toBeDefined();
  expect(versionTallies(root, 'ptq-percentile', 'NC', gold)).toBeUndefined();
});
