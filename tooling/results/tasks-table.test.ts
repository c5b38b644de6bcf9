import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keptTable, readTasks } from './tasks-table.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdq-tasks-table-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const fp32 = { en: 0.8, de: 0.6 };

function run(
  sweep: string,
  plan: string,
  seed: number,
  scores: Record<string, { en: number; de: number }>,
  bytes = {},
  distillation: object = { logits: 10, attention: 1000 },
) {
  const folder = join(root, sweep, `seed-${seed}_plan-${plan}`);
  mkdirSync(folder, { recursive: true });
  const results = {
    task: sweep.split('-')[0]!.toUpperCase(),
    scores: { fp32, ...scores },
    averageZeroShot: Object.fromEntries(
      Object.entries({ fp32, ...scores }).map(([version, { de }]) => [version, de]),
    ),
    bytes: { fp32: 4e8, ...bytes },
    seconds: 1,
    config: { plan, seed, distillation },
  };
  writeFileSync(join(folder, 'results.json'), JSON.stringify(results));
  return join(root, sweep);
}

it('puts tasks beside one another, over the seeds', () => {
  const xnli = run('xnli', 'w8a8', 0, { sdq: { en: 0.8, de: 0.56 } }, { sdq: 1e8 });
  run('xnli', 'w8a8', 1, { sdq: { en: 0.8, de: 0.6 } }, { sdq: 1e8 });
  run('xnli', 'w4a8', 0, { sdq: { en: 0.4, de: 0.3 } });
  const noise = run('xnli-noise', 'w8a8', 0, { qnat: { en: 0.6, de: 0.4 } });
  const pos = run('pos', 'w8a8', 0, { sdq: { en: 0.8, de: 0.6 } }, { sdq: 1e8 });
  expect(keptTable(readTasks([xnli, noise, pos]))).toEqual([
    ['plan', 'version', 'XNLI', 'POS', 'kept', 'en', 'zero-shot', 'MB'],
    ['', 'fp32 teacher', '70.00', '70.00', '100.0 %', '100.0 %', '100.0 %', '400.0'],
    // POS has no QNAT: there is no mean of the tasks.
    ['w8a8', 'QNAT (Quant-Noise)', '50.00', '', '', '', '', ''],
    // 68 and 70 of 70, and all of POS; of German 28 and 30 of 30.
    ['w8a8', 'SDQ (Att-KLD)', '69.00 ± 1.41', '70.00', '99.3 %', '100.0 %', '98.3 %', '100.0'],
    ['w4a8', 'SDQ (Att-KLD)', '35.00', '', '', '', '', ''],
  ]);
});

it('names every loss that the runs of a row distilled', () => {
  const xnli = run('xnli', 'w8a8', 0, { sdq: fp32 });
  const hidden = run('xnli-hidden', 'w4a8', 0, { sdq: fp32 }, {}, { losses: { 'hidden-mse': 1 } });
  const both = run('xnli-both', 'w8a8', 1, { sdq: fp32 }, {}, { losses: { 'hidden-mse': 1 } });
  const labels = (...folders: string[]) =>
    keptTable(readTasks(folders)).map(([plan, label]) => [plan, label]);
  expect(labels(xnli, hidden)).toContainEqual(['w4a8', 'SDQ (hidden-mse)']);
  expect(labels(xnli, both)).toContainEqual(['w8a8', 'SDQ (Att-KLD) or SDQ (hidden-mse)']);
});

it('takes no runs of different teachers for one task', () => {
  const first = run('ner', 'w8a8', 0, {});
  const second = run('ner-again', 'w8a8', 0, { fp32: { en: 0.7, de: 0.6 } });
  expect(() => readTasks([first, second])).toThrow('do not share one teacher');
});
