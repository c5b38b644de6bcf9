import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scoreTable } from './results.ts';
import {
  recordOfTeacher,
  type TrainedRun,
  trainingSentence,
  zeroShotLanguages,
  zeroShotName,
} from './trained-languages.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdq-trained-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const run = (parts: object, teacher?: string): TrainedRun => ({ config: { teacher }, ...parts });

it('says what was trained on where the results tell, and nothing where they do not', () => {
  expect(trainingSentence(run({ trainLanguages: ['en'] }))).toBe(
    'Fine-tuned on English alone: every other language is zero-shot.',
  );
  expect(trainingSentence(run({ trainLanguages: ['de', 'sw'] }))).toContain('on German and Swahili alone');
  expect(trainingSentence(run({}))).toBeUndefined();
  const record = { trainLanguages: ['fr'] };
  const given = run({ trainLanguages: ['en'], teacherRecord: record }, 'runs/fr/teacher');
  expect(trainingSentence(given)).toContain('on French and English alone');
  expect(trainingSentence(run({ trainLanguages: ['en'], teacherRecord: {} }, 'elsewhere'))).toBe(
    "The teacher was given: which languages it was fine-tuned on is not recorded. This run's own training text is in English.",
  );
  expect(trainingSentence(run({}, 'elsewhere'))).not.toContain('English');
});

it('calls languages zero-shot only where it is known of every run', () => {
  const known = run({ trainLanguages: ['en'] });
  const unknown = run({ trainLanguages: ['en'] }, 'elsewhere');
  expect(zeroShotName([known, run({})])).toBe('zero-shot');
  expect(zeroShotName([known, unknown])).toBe('without en');
  const record = { trainLanguages: ['de'] };
  const german = run({ trainLanguages: ['en'], teacherRecord: record }, 'runs/de/teacher');
  expect(zeroShotLanguages([german], ['en', 'de', 'fr'])).toEqual(['fr']);
  expect(zeroShotName([german])).toBe('zero-shot');
  const scores = { fp32: { en: 0.9, de: 0.7, fr: 0.5 } };
  const rows = (one?: TrainedRun) =>
    scoreTable(scores, one && { ...one, config: { ...one.config, distillation: {} } }).slice(-1);
  expect(rows(known)).toEqual([['zero-shot', '60.0']]);
  expect(rows(unknown)).toEqual([['without en', '60.0']]);
  expect(rows()).toEqual([['without en', '60.0']]);
  expect(rows(run({ trainLanguages: ['en', 'de'] }))).toEqual([['zero-shot', '50.0']]);
});

it('reads of a teacher what the run that made it tells', () => {
  const write = (results: object) => {
    const scores = { fp32: {} };
    const whole = { task: 'NC', scores, bytes: { fp32: 1 }, seconds: 1, ...results };
    mkdirSync(join(root, 'run', 'teacher'), { recursive: true });
    writeFileSync(join(root, 'run', 'results.json'), JSON.stringify(whole));
  };
  const record = () => recordOfTeacher(join(root, 'run', 'teacher/'));
  expect(record()).toEqual({});
  write({ trainLanguages: ['en'], config: { model: 'models/e5', distillation: {} } });
  expect(record()).toEqual({ model: 'models/e5', trainLanguages: ['en'] });
  expect(recordOfTeacher(join(root, 'run', 'student'))).toEqual({});
  write({ config: { model: 'models/e5', distillation: {} } });
  expect(record()).toEqual({ model: 'models/e5' });
  write({ trainLanguages: ['en'], config: { model: 'e5', teacher: 'elsewhere', distillation: {} } });
  expect(record()).toEqual({});
  writeFileSync(join(root, 'run', 'results.json'), 'damaged');
  expect(record()).toEqual({});
});
