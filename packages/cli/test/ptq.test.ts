import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PTQ_WORDS } from '@sdq/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command, as a user runs it: `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-cli-ptq-'));
const [data, model, out] = [join(root, 'xglue'), join(root, 'model'), join(root, 'run')];
const RECIPES = ['min-max', 'mse', 'gptq', 'smoothquant+gptq', 'adaround', 'dynamic'];

beforeAll(async () => {
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function sdq(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const run = (...more: string[]) =>
  sdq(
    ...['run', '--task', 'NC', '--xglue', data, '--model', model, '--out', out, '--methods', 'ptq'],
    ...['--epochs', '1', '--dev-limit', '6', '--calibration-batches', '2', '--quiet', ...more],
  );

it('makes a version by each recipe of a list, in every table, and goes on with another list', () => {
  const { status, stdout, stderr } = run('--ptq', RECIPES.join(','));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const results = () => JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  const found = results();
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  for (const recipe of RECIPES) {
    expect(Object.keys(found.scores[`ptq-${recipe}`]), recipe).toEqual(['de', 'en']);
    expect(stdout).toContain(`PTQ ${recipe}`);
    expect(report).toContain(`PTQ ${recipe}`);
    expect(existsSync(join(out, `predictions/ptq-${recipe}`)), recipe).toBe(true);
  }
  expect(stdout).toContain('(best PTQ)');
  const compared = sdq('compare', out).stdout;
  for (const recipe of RECIPES) expect(compared).toContain(`PTQ ${recipe}`);

  const { seconds } = JSON.parse(readFileSync(join(out, 'stages.json'), 'utf8'))['ptq-adaround'];
  expect(run('--ptq', 'adaround,percentile+bias-correction').status).toBe(0);
  const more = results();
  expect(more.scores).toMatchObject(found.scores);
  expect(more.scores['ptq-percentile+bias-correction']).toBeDefined();
  expect(more.stageSeconds['ptq-adaround']).toBe(seconds);
});

it('exports the recipe that was saved, and its card names it', () => {
  const { bytes } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  const [, saved] = Object.keys(bytes);
  const exported = join(root, 'exported');
  expect(sdq('export', join(out, 'student'), '--out', exported)).toMatchObject({ status: 0 });
  expect(readFileSync(join(exported, 'README.md'), 'utf8')).toContain(
    `quantized after training (PTQ) by the recipe ${saved!.slice('ptq-'.length)}. Of the run's recipes`,
  );
});

it('names the word that is wrong, before anything is written', () => {
  const { status, stderr } = sdq(
    ...['run', '--task', 'NC', '--xglue', data, '--model', model, '--out', join(root, 'bad')],
    ...['--ptq', 'min-max,smoothquant+gtpq'],
  );
  expect(status).toBe(2);
  expect(stderr).toMatch(/"gtpq" in the PTQ recipe "smoothquant\+gtpq".*did you mean "gptq"\?/);
  expect(existsSync(join(root, 'bad'))).toBe(false);
});

it('lists every word in its help', () => {
  const { stdout } = sdq('run', '--help');
  const help = stdout.replace(/\s+/g, ' ');
  for (const word of PTQ_WORDS) expect(help).toContain(word);
});
