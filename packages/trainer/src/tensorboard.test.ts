import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../../pipeline/test/recorder.ts';
import { tensorBoardReporter } from './tensorboard.ts';

const root = mkdtempSync(join(tmpdir(), 'sdq-tensorboard-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(() => {
  const inner = recorder();
  const reporter = tensorBoardReporter(inner, root);
  const step = (step: number, loss: number) =>
    reporter.event({ event: 'step', stage: 'sdq', step, loss, 'att-kld': loss / 2, learningRate: 1e-5 });
  step(1, 4);
  step(2, 3);
  step(3, 100);
  reporter.event({ event: 'resumed', stage: 'sdq', step: 2 });
  step(3, 2);
  reporter.event({ event: 'evaluation', stage: 'sdq', step: 3, language: 'en', score: 0.75 });
  reporter.event({ event: 'scores', stage: 'ptq min-max', scores: { en: 0.5, de: 0.25 } });
  reporter.event({ event: 'checkpoint', stage: 'sdq', step: 3, seconds: 1 });
  expect(inner.events).toHaveLength(8);
});

it('writes a folder a stage, in the records of TensorFlow', () => {
  expect(readdirSync(root).sort()).toEqual(['ptq-min-max', 'sdq']);
  const [file] = readdirSync(join(root, 'sdq'));
  const bytes = readFileSync(join(root, 'sdq', file!));
  // The first record, as TensorFlow writes it: its length, the checksum of that, and the version of the format.
  expect(bytes.readBigUInt64LE(0)).toBe(24n);
  // Of the eight bytes 18 00 00 00 00 00 00 00, in every file of TensorBoard.
  expect(bytes.subarray(8, 12).toString('hex')).toBe('a37f4b22');
  expect(bytes.subarray(12, 36).toString('latin1')).toContain('brain.Event:2');
});

// Needs `pip install tensorboard`; SDQ_ORACLE_PYTHON names the interpreter that has it.
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const python = process.env.SDQ_ORACLE_PYTHON ?? join(repository, '.oracles/bin/python');
const hasTensorBoard = existsSync(python) && spawnSync(python, ['-c', 'import tensorboard']).status === 0;

describe.runIf(hasTensorBoard)('TensorBoard', () => {
  it('reads the figures, without those from after the step where training went on', () => {
    const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = {}
for stage in ('sdq', 'ptq-min-max'):
    events = EventAccumulator(sys.argv[1] + '/' + stage).Reload()
    found[stage] = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}
print(json.dumps(found))`;
    const { stdout, stderr } = spawnSync(python, ['-c', script, root], { encoding: 'utf8' });
    expect(stdout, stderr).not.toBe('');
    const rate = Math.fround(1e-5);
    expect(JSON.parse(stdout)).toEqual({
      sdq: {
        'train/loss': [
          [1, 4],
          [2, 3],
          [3, 2],
        ],
        'train/att-kld': [
          [1, 2],
          [2, 1.5],
          [3, 1],
        ],
        'train/learningRate': [
          [1, rate],
          [2, rate],
          [3, rate],
        ],
        'dev/en': [[3, 0.75]],
      },
      'ptq-min-max': { 'score/en': [[0, 0.5]], 'score/de': [[0, 0.25]] },
    });
  });
});
