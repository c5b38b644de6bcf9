import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command, as a user runs it: `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-cli-config-'));
const [data, model] = [join(root, 'xglue'), join(root, 'model')];

beforeAll(async () => {
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function sdq(...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, stderr };
}

function config(name: string, options: object): string {
  const path = join(root, name);
  writeFileSync(path, JSON.stringify(options));
  return path;
}

const results = (out: string) => JSON.parse(readFileSync(join(root, out, 'results.json'), 'utf8'));

it('runs by a file of options, and distils by another from the teacher that it made', () => {
  const common = { task: 'NC', data, devLimit: 6 };
  const recipe = { epochs: 2, learningRate: 0.005, tokensPerBatch: 128 };
  const first = config('run.json', {
    ...common,
    model,
    methods: ['ptq'],
    out: join(root, 'ignored'),
    finetune: recipe,
  });
  expect(sdq('run', '--config', first, '--out', join(root, 'first'))).toMatchObject({ status: 0 });
  expect(results('first').config.finetune.epochs).toBe(2);

  const second = config('distill.json', {
    ...common,
    out: join(root, 'second'),
    teacher: join(root, 'first/teacher'),
    quantized: { ...recipe, observerShare: 0.5, keep: 'best', evaluationsPerEpoch: 2 },
    teacherCache: { bytes: 1e6 },
  });
  const { status, stderr } = sdq('distill', second, '--seed', '3');
  expect(stderr).not.toContain('sdq:');
  expect(status).toBe(0);
  const { scores, finish, config: asked } = results('second');
  expect(Object.keys(scores)).toEqual(['fp32', 'sdq']);
  expect(scores.fp32).toEqual(results('first').scores.fp32);
  expect(asked).toMatchObject({ seed: 3, methods: ['sdq'], teacherCache: { bytes: 1e6, type: 'fp16' } });
  // The integers compute what was trained.
  expect(finish.sdq).toMatchObject({ equal: true, samePredictions: 1 });
  const weights = (out: string) => readFileSync(join(root, out, 'teacher/model.safetensors'));
  expect(weights('second').equals(weights('first'))).toBe(true);
});

it('says in one sentence what is wrong with the options', () => {
  const fails = (args: string[], said: string | RegExp) => {
    const { status, stderr } = sdq(...args);
    expect(stderr).toMatch(said);
    expect(status).toBe(2);
  };
  const common = { task: 'NC', data, model, out: join(root, 'bad') };
  const chosen = config('losses.json', { ...common, distillation: { losses: { 'logit-kl': 1 } } });
  fails(
    ['run', '--config', chosen, '--alpha', '10'],
    /^sdq: "losses" in .*losses\.json replaces --alpha: write the weights there/,
  );
  fails(['run', '--config', chosen, '--shared', root], /^sdq: --shared .*: give --teacher too\./);
  fails(
    [
      'run',
      '--config',
      config('both.json', { ...common, distillation: { losses: { 'logit-kl': 1 }, logits: 5 } }),
    ],
    /^sdq: distillation\.losses \(--losses\) replaces distillation\.logits \(--alpha\): /,
  );
  fails(['run', '--task', 'NC', '--xglue', data], /Give --out, or a --config file that has "out"/);
  fails(
    ['run', '--config', config('a.json', { ...common, quantized: { epoch: 2 } })],
    /There is no option "quantized.epoch": did you mean "quantized.epochs"\?/,
  );
  fails(
    ['run', '--config', config('b.json', { ...common, teacherCach: { bytes: 9 } })],
    /There is no option "teacherCach": did you mean "teacherCache"\?/,
  );
  fails(
    ['run', '--config', config('e.json', { ...common, model: '' })],
    /The option model is wrong: it is empty, and should name a folder\./,
  );
  fails(['distill', config('c.json', common)], /has no "teacher"/);
  fails(['distill', config('d.json', { ...common, teacher: model })], /has no classification head/);
});
