import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
let root: string;
const at = (...names: string[]) => join(root, ...names);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sdq-sweep-'));
  await writeTinyModel(at('model'));
  writeTinyData(at('xglue'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function sdq(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: root });
}

const experiment = (grid: object) => `
import type { Sweep } from '@sdq/pipeline';

const seeds: number[] = [0, 1];
export default {
  name: 'tiny',
  base: { task: 'NC', data: 'xglue', model: 'model', methods: ['ptq'], trainLimit: 24, devLimit: 6, finetune: { epochs: 1 } },
  grid: { ...${JSON.stringify(grid)}, seed: seeds },
} satisfies Sweep;
`;

it('runs a grid, goes on where it stopped, and makes a table over the seeds', () => {
  writeFileSync(at('tiny.ts'), experiment({ plan: ['w8a8'] }));
  expect(sdq('sweep', 'tiny.ts', '--out', 'runs', '--dry-run').stdout).toBe(
    'runs/tiny/plan-w8a8_seed-0\nruns/tiny/plan-w8a8_seed-1\n',
  );
  expect(existsSync(at('runs'))).toBe(false);

  const { status, stdout, stderr } = sdq('sweep', 'tiny.ts', '--out', 'runs');
  expect(stderr).toMatch(/tiny, run 2 of 2: plan-w8a8_seed-1/);
  expect(status).toBe(0);
  expect(stdout).toMatch(/w8a8 +PTQ min-max +2 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ % +[\d.]+ %/);
  const markdown = readFileSync(at('runs', 'tiny', 'results.md'), 'utf8');
  expect(markdown).toMatch(/\| w8a8 +\| fp32 teacher +\| 2 +\| .* \| 100\.00 % +\| 100\.00 % +\|/);
  expect(markdown).toMatch(/\| plan +\| version +\| en +\| de/);
  expect(markdown).toContain('sdq sweep tiny.ts --out runs');

  const results = at('runs', 'tiny', 'plan-w8a8_seed-0', 'results.json');
  const before = statSync(results).mtimeMs;
  rmSync(at('runs', 'tiny', 'plan-w8a8_seed-1'), { recursive: true });
  const again = sdq('sweep', 'tiny.ts', '--out', 'runs', '--json', '--quiet');
  expect(statSync(results).mtimeMs).toBe(before);
  expect(JSON.parse(again.stdout).tiny).toHaveLength(2);
});

it('scores a teacher that the runs share once, and leaves no cache of it', () => {
  const base = `teacher: 'runs/tiny/plan-w8a8_seed-0/teacher', methods: ['sdq'], teacherCache: { bytes: 1e6 }`;
  writeFileSync(
    at('shared.ts'),
    experiment({}).replace('tiny', 'shared').replace(`model: 'model', methods: ['ptq']`, base),
  );
  expect(sdq('sweep', 'shared.ts', '--out', 'runs').stderr).toMatch(/run 2 of 2: seed-1/);
  const scored = [0, 1].map((seed) => {
    const events = readFileSync(at('runs', 'shared', `seed-${seed}`, 'events.jsonl'), 'utf8');
    return events.includes('"event":"scores","stage":"fp32"');
  });
  expect(scored).toEqual([true, false]);
  expect(existsSync(at('runs', 'shared', 'seed-1', 'student', 'model.safetensors'))).toBe(true);
  expect(existsSync(at('runs', 'shared', 'shared', 'teacher-cache'))).toBe(false);
});

it('runs again what is of other data than before', () => {
  writeFileSync(at('tiny.ts'), experiment({ plan: ['w8a8'] }));
  const dev = at('xglue', 'NC', 'xglue.nc.de.dev');
  const before = readFileSync(dev, 'utf8');
  const results = at('runs', 'tiny', 'plan-w8a8_seed-0', 'results.json');
  const scores = () => JSON.parse(readFileSync(results, 'utf8')).scores;
  const { fp32 } = scores();
  writeFileSync(dev, before.replaceAll(/\t(farm|sea)$/gm, '\tsky'));
  expect(sdq('sweep', 'tiny.ts', '--out', 'runs').status).toBe(0);
  expect(scores().fp32.en).toBe(fp32.en);
  expect(scores().fp32.de).not.toBe(fp32.de);
  const log = readFileSync(at('runs', 'tiny', 'jobs', 'plan-w8a8_seed-0.log'), 'utf8');
  expect(log).toMatch(/since this has changed: the dev set of de/);
  writeFileSync(dev, before);
});

it('says once, before it starts, that a teacher is missing', () => {
  const shared = readFileSync(at('shared.ts'), 'utf8');
  writeFileSync(at('lost.ts'), shared.replace('shared', 'lost').replace('seed-0/teacher', 'seed-9/teacher'));
  const { status, stderr } = sdq('sweep', 'lost.ts', '--out', 'runs', '--quiet');
  expect(status).toBe(2);
  expect(stderr).toBe(
    'sdq: There is no runs/tiny/plan-w8a8_seed-9/teacher, the "teacher" of seed-0 and 1 more: nothing was started.\n',
  );
  expect(existsSync(at('runs', 'lost'))).toBe(false);
});

it('goes on with the other runs when one fails, and says where it tells why', () => {
  writeFileSync(
    at('tiny.ts'),
    experiment({ languages: [['de'], ['xx'], ['en']] }).replace('tiny', 'failing'),
  );
  const { status, stdout, stderr } = sdq('sweep', 'tiny.ts', '--out', 'runs', '--quiet');
  expect(status).toBe(1);
  expect(stdout).toMatch(/\["en"\] +fp32 teacher +2/);
  expect(
    stderr.match(/The run languages-xx_seed-\d failed: .*languages-xx_seed-\d\.log says why/g),
  ).toHaveLength(2);
  expect(readFileSync(at('runs', 'failing', 'jobs', 'languages-xx_seed-0.log'), 'utf8')).toMatch(/sdq: .*xx/);
});

it('says what is wrong with an experiment before anything is run', () => {
  const said = (text: string) => {
    writeFileSync(at('bad.ts'), text);
    const { status, stderr } = sdq('sweep', 'bad.ts', '--out', 'none');
    expect(status).toBe(2);
    return stderr;
  };
  expect(said('export default {')).toMatch(/bad\.ts does not load/);
  expect(said(experiment({ epoch: [1] }))).toMatch(/epoch/);
  expect(said('export default { name: "a/b", base: {}, grid: {} }')).toMatch(/no usable "name"/);
  expect(sdq('sweep', 'nowhere.ts', '--out', 'none').stderr).toMatch(
    /There is no experiment file nowhere\.ts/,
  );
  expect(existsSync(at('none'))).toBe(false);
});
