import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command and the built template; tooling/release/check-plugin.mjs trains with both as they are packed.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const template = fileURLToPath(new URL('../../../examples/plugin', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-cli-plugin-'));
const [model, plan] = [join(root, 'model'), join(root, 'plan.json')];

beforeAll(async () => {
  await writeTinyModel(model);
  writeFileSync(plan, JSON.stringify({ rules: [{ match: 'encoder.**', weight: 'int4-power-of-two' }] }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function sdq(...args: string[]) {
  return spawnSync(process.execPath, [main, ...args], { cwd: root, encoding: 'utf8' });
}

it('plans with the quantizer of a plug-in where that is named', () => {
  const { status, stdout } = sdq('plan', model, '--plan', plan, '--plugin', template);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /encoder\.layer\.0\.output\.dense +16 x 32 +int4-power-of-two +float32 +encoder\.\*\*\n/,
  );

  const without = sdq('plan', model, '--plan', plan);
  expect(without.status).toBe(2);
  expect(without.stderr).toMatch(
    /plan\.json: Rule 1 of the plan has "int4-power-of-two" as "weight": choose one such as/,
  );
});

it('says in one sentence what is wrong with a plug-in', () => {
  const run = ['run', '--task', 'NC', '--xglue', root, '--model', model, '--out', join(root, 'run')];
  const missing = sdq(...run, '--plugin', './nowhere');
  expect(missing.status).toBe(2);
  expect(missing.stderr).toMatch(/^sdq: There is no plug-in \.\/nowhere: /);

  writeFileSync(join(root, 'config.json'), JSON.stringify({ plugins: 'one' }));
  const list = sdq(...run, '--config', join(root, 'config.json'));
  expect(list.status).toBe(2);
  expect(list.stderr).toMatch(/^sdq: The option plugins must be a list/);
});

it('loads plug-ins for a sweep, and lets none go on a queue', () => {
  const base = {
    task: 'NC',
    data: root,
    model,
    plugins: [template],
    distillation: { losses: { 'first-token-mse': 1 } },
  };
  const file = join(root, 'sweep.json');
  writeFileSync(file, JSON.stringify({ name: 'own', base, grid: { seed: [0, 1] } }));
  const planned = sdq('sweep', file, '--out', 'runs', '--dry-run');
  expect(planned.stdout).toBe('runs/own/seed-0\nruns/own/seed-1\n');
  const queued = sdq('sweep', file, '--out', 'runs', '--queue', 'redis://127.0.0.1:1');
  expect(queued.status).toBe(2);
  expect(queued.stderr).toMatch(/^sdq: Runs with plug-ins cannot go on a queue/);
});
