import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command, as a user runs it: `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-cli-'));
const [data, model, out] = [join(root, 'xglue'), join(root, 'model'), join(root, 'run')];

beforeAll(async () => {
  writeTinyData(data);
  await writeTinyModel(model);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function sdq(args: readonly string[], input: string | Buffer = '', env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

const run = (...more: string[]) => {
  const flags = new Map([
    ['--task', 'NC'],
    ['--xglue', data],
    ['--model', model],
    ['--out', out],
  ]);
  for (let i = 0; i < more.length; i += 2) flags.set(more[i]!, more[i + 1]!);
  return sdq([
    'run',
    ...[...flags].flat(),
    '--epochs',
    '16',
    '--learning-rate',
    '0.005',
    '--tokens-per-batch',
    '128',
  ]);
};

describe('sdq run, evaluate and predict', () => {
  it('shrink a model, score it and use it', () => {
    const { status, stdout, stderr } = run();
    expect(stderr).not.toMatch(/TensorFlow.js in Node/);
    expect(status).toBe(0);
    expect(stdout.replace(' (best PTQ)', '')).toMatch(
      / +fp32 teacher +PTQ min-max +PTQ percentile +PTQ mse +PTQ dynamic +QAT +SDQ \(Att-KLD\)\n/,
    );
    expect(stdout.match(/\(best PTQ\)/g)).toHaveLength(1);
    expect(stdout).toMatch(/Training: \d+ tokens\/s; peak memory [\d.]+ MB; .* in all/);
    const { scores } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));

    const evaluated = sdq([
      'evaluate',
      join(out, 'student'),
      '--task',
      'NC',
      '--xglue',
      data,
      '--json',
      '--quiet',
    ]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ task: 'NC', quantized: true, scores: scores.sdq });

    const predicted = sdq(
      ['predict', join(out, 'student'), '--json'],
      'the cow the milk\n\nthe star and the moon\n',
    );
    const answers = predicted.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map(({ text }) => text)).toEqual(['the cow the milk', '', 'the star and the moon']);
    expect([answers[0].label, answers[2].label]).toEqual(['farm', 'sky']);
    expect(Object.keys(answers[0].probabilities)).toEqual(['farm', 'sea', 'sky']);
  });

  it('predict one line for each line, whatever it holds', () => {
    const odd = [
      'a cow',
      '',
      '\r',
      'a\rb',
      'a\u2028b\u0085c\vd',
      '\0',
      'cow '.repeat(3e5),
      '\uFEFF',
      '\t',
      'x\ty\tz',
    ];
    const bytes = Buffer.concat([
      Buffer.from(`${odd.join('\n')}\n`),
      Buffer.from([0xff, 0xc3, 10]),
      Buffer.from('end'),
    ]);
    for (const flags of [[], ['--json']]) {
      const { status, stdout, stderr } = sdq(['predict', join(out, 'student'), ...flags], bytes);
      expect(status).toBe(0);
      // As Python's splitlines divides a text, which knows the most ends of lines.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: some of them are control characters
      const lines = stdout.replace(/\n$/, '').split(/[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
      expect(lines).toHaveLength(odd.length + 2);
      expect(lines.at(-1)).toMatch(/end/);
      expect(stderr).toMatch(/^sdq: Line 11 is not valid UTF-8: /);
    }
  });

  it('compare runs side by side', () => {
    const { status, stdout } = sdq(['compare', out, out]);
    expect(status).toBe(0);
    expect(stdout.match(/SDQ \(Att-KLD\) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ % +0\.0\n/g)).toHaveLength(
      2,
    );
    expect(Object.keys(JSON.parse(sdq(['compare', out, '--json']).stdout))).toEqual([out]);
    expect(sdq(['compare', root]).stderr).toMatch(
      /holds no results\.json: give the folder of a finished run/,
    );
  });

  it('trim the student to the words of a corpus, which then predicts the same', () => {
    const [student, trimmed, corpus] = [join(out, 'student'), join(root, 'trimmed'), join(root, 'en.txt')];
    writeFileSync(corpus, 'the cow the milk\nthe star and the moon\n');
    const asked = ['trim', student, '--languages', 'en,de', '--corpus', corpus, '--out', trimmed];
    const { status, stdout } = sdq([...asked, '--quiet']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\b26 pieces before, 12 now; word embeddings 0\.0 MB before/);
    expect(JSON.parse(readFileSync(join(trimmed, 'trim.json'), 'utf8')).coverage[0].tokens).toBe(9);
    const predict = (folder: string) => sdq(['predict', folder, '--json'], 'the cow the star\n').stdout;
    expect(predict(trimmed)).toBe(predict(student));

    expect(sdq(asked).stderr).toMatch(/exists: choose another, or replace it with --force/);
    expect(sdq([...asked, '--force', '--quiet']).status).toBe(0);
    expect(sdq([...asked, '--force', '--max-pieces', '0']).stderr).toMatch(/--max-pieces is 0/);
    expect(sdq(['trim', student, '--languages', 'q1', '--corpus', corpus, '--out', 'x']).stderr).toMatch(
      /"q1" is no code of a language/,
    );
  });

  it('spend a budget of bytes by measured error, in a plan that a run takes', () => {
    const [plan, mixed] = [join(root, 'plan.json'), join(root, 'mixed')];
    const asked = ['plan', join(out, 'teacher'), '--task', 'NC', '--xglue', data, '--out', plan, '--quiet'];
    const { status, stdout } = sdq([...asked, '--budget', '5KB']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /site +shape +weight +bytes +error int8-per-channel .* error ternary-per-channel\n/,
    );
    const { rules, bytes, sites } = JSON.parse(readFileSync(plan, 'utf8'));
    expect(bytes.weights + bytes.floats).toBeLessThanOrEqual(5000);
    expect(bytes.weights + bytes.floats).toBeGreaterThan(4500);
    expect(new Set(sites.map(({ weight }: { weight: string }) => weight)).size).toBeGreaterThan(1);
    expect(rules).toHaveLength(sites.length);

    const run = sdq([
      ...['run', '--task', 'NC', '--xglue', data, '--model', join(out, 'teacher'), '--out', mixed],
      ...['--plan', plan, '--methods', 'ptq', '--ptq', 'min-max', '--epochs', '1', '--quiet', '--json'],
    ]);
    expect(run.status).toBe(0);
    const results = JSON.parse(run.stdout);
    expect(results.config.plan).toEqual(rules);
    // The tensors of the file take what the plan says, and a scale and a zero point an input.
    const file = readFileSync(join(mixed, 'student', 'model.safetensors'));
    const packed = sites.filter(({ weight }: { weight: string }) => !weight.startsWith('int8')).length;
    const tensors = file.length - 8 - Number(file.readBigUInt64LE(0));
    const shapes = 16 * packed;
    expect(tensors - bytes.weights - bytes.floats - shapes).toBe(5 * 14);

    expect(sdq([...asked, '--budget', '2KB']).stderr).toMatch(/too small: the weights need at least 2/);
    expect(sdq([...asked, '--budget', 'much']).stderr).toMatch(/"much" is no number of bytes/);
    expect(sdq(['plan', model, '--budget', '1MB']).stderr).toMatch(/give --task and --xglue/);
  });

  it('analyze where the error is, in the report of a run and of a model alone', () => {
    const { status, stdout } = sdq(['analyze', out, '--sensitivity', '--dev-limit', '6', '--quiet']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/encoder\.layer\.\*\.attention\.self \(heads\) +[\d.]+ dB/);
    expect(stdout).toMatch(/After training: Of the \d+ outputs in a layer/);
    const analysis = JSON.parse(readFileSync(join(out, 'analysis.json'), 'utf8'));
    expect(analysis).toMatchObject({ task: 'NC', plan: 'w8a8', languages: ['de', 'en'] });
    expect(analysis.errors.student).toHaveLength(analysis.errors.ptq.length);
    expect(analysis.sensitivity.sites).toHaveLength(3 + 12 + 2);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    expect(report).toContain('Score per language');
    expect(report.match(/<svg/g)).toHaveLength(2 + 4 + 2);

    const alone = join(root, 'analysis');
    const asked = ['analyze', join(out, 'teacher'), '--plan', 'w4a8', '--out', alone, '--quiet'];
    expect(sdq([...asked, '--task', 'NC', '--xglue', data]).status).toBe(0);
    expect(readFileSync(join(alone, 'analysis.html'), 'utf8').match(/<svg/g)).toHaveLength(2);
    const four = JSON.parse(readFileSync(join(alone, 'analysis.json'), 'utf8'));
    const logits = ({ errors }: typeof analysis) => errors.ptq.at(-1).accumulated.mse;
    expect(logits(four)).toBeGreaterThan(10 * logits(analysis));
    expect(sdq(asked).stderr).toMatch(/is no folder of a run: give --task and --xglue/);
  });

  it('run on the wasm backend too', () => {
    const wasm = ['--languages', 'en', '--methods', 'sdq', '--backend', 'wasm'];
    const { status, stdout, stderr } = run('--out', join(root, 'wasm'), '--train-limit', '30', ...wasm);
    expect(stderr).toContain('Running on wasm');
    expect([status, stdout.includes('SDQ (Att-KLD)')]).toEqual([0, true]);
  });
});

it('distils the losses that are named, each reported by its name', () => {
  const folder = join(root, 'losses');
  const losses = ['--losses', 'logit-kl=1,att-map-kl=0:10:0.5', '--layers', 'last'];
  const small = ['--languages', 'en', '--methods', 'sdq', '--train-limit', '30'];
  const { status, stdout } = run('--out', folder, ...losses, ...small);
  expect([status, stdout.includes('SDQ (logit-kl, att-map-kl)')]).toEqual([0, true]);
  const steps = readFileSync(join(folder, 'events.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ event, stage }) => event === 'step' && stage === 'sdq');
  expect(steps.length).toBeGreaterThan(1);
  for (const step of steps) {
    expect(step.loss).toBeLessThan(step.task + step['logit-kl'] + 10 * step['att-map-kl'] + 1e-5);
    expect(step['att-kld']).toBeUndefined();
  }
});

describe('a mistake ends with one sentence and exit code 2, and writes nothing', () => {
  const fresh = join(root, 'fresh');
  const wrong = (name: string, files: Record<string, string>) => {
    const folder = join(root, name);
    writeTinyData(folder);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  };

  it.each([
    ['a wrong path', ['--xglue', '/nowhere'], /nowhere/],
    ['an unknown task', ['--task', 'POSS'], /Unknown task "POSS": choose one of NER, POS/],
    ['a task of text generation', ['--task', 'QG'], /an encoder has no generation head/],
    ['an unknown language', ['--languages', 'en,xx'], /xx/],
    ['an unknown method', ['--methods', 'qta'], /methods\.0/],
    ['a number that is none', ['--seed', 'many'], /"many" is not a number/],
    ['a number out of range', ['--seed', '-1'], /seed/],
    ['a distillation loss that is none', ['--losses', 'att-kl=1'], /Unknown distillation loss "att-kl"/],
    [
      'weights given twice',
      ['--losses', 'att-kld=1', '--alpha', '2'],
      /--losses replaces --alpha: write the weights there/,
    ],
    ['a layer that the model lacks', ['--layers', '7'], /att-kld needs a layer 7 in both/],
    ['an unknown backend', ['--backend', 'abacus'], /backend/],
    ['a wrong model folder', ['--model', '/nowhere'], /nowhere/],
  ])('%s', (_, flags, message) => {
    const { status, stderr, stdout } = run('--out', fresh, ...flags);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([status, stdout, existsSync(fresh)]).toEqual([2, '', false]);
  });

  it.each([
    [
      'a label outside the set',
      { 'NC/xglue.nc.de.dev': 'a\tb\tfarm\na\tb\tmoon\n' },
      /xglue\.nc\.de\.dev:2 .*"moon"/,
    ],
    [
      'a malformed line',
      { 'NC/xglue.nc.en.train': 'a\tb\tfarm\na\tb\tsea\na\tb\tsky\nno tabs\n' },
      /xglue\.nc\.en\.train:4/,
    ],
    ['an empty split', { 'NC/xglue.nc.de.dev': '' }, /xglue\.nc\.de\.dev/],
  ])('%s', (name, files, message) => {
    const { status, stderr } = run('--out', fresh, '--xglue', wrong(name, files as Record<string, string>));
    expect(stderr).toMatch(message);
    expect(
      stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('sdq: ')),
    ).toHaveLength(1);
    expect([status, existsSync(fresh)]).toEqual([2, false]);
  });

  it('a damaged checkpoint', async () => {
    const damaged = join(root, 'damaged');
    await writeTinyModel(damaged);
    const file = join(damaged, 'model.safetensors');
    writeFileSync(file, readFileSync(file).subarray(0, 100));
    const { status, stderr } = run('--out', fresh, '--model', damaged);
    expect(stderr).toMatch(/model\.safetensors/);
    expect([status, existsSync(join(fresh, 'teacher'))]).toEqual([2, false]);
  });

  it('a missing option', () => {
    const { status, stderr } = sdq(['run', '--task', 'NC']);
    expect(stderr).toMatch(/--xglue/);
    expect(status).toBe(2);
  });
});

describe('sdq gpu and --backend cuda', () => {
  const empty = { XDG_CACHE_HOME: join(root, 'no-cache') };

  it('says in a sentence how to set TensorFlow up where it is not', () => {
    const { status, stderr } = sdq(['bench', '--backend', 'cuda'], '', empty);
    expect(stderr).toMatch(/^sdq: TensorFlow is not set up: run "sdq gpu setup" [^\n]*\n$/);
    expect(status).toBe(2);
    expect(sdq(['doctor'], '', empty).stdout).toMatch(/cuda backend +not set up\n +"sdq gpu setup"/);
  });

  it('says in a sentence what setup lacks, and removes nothing where nothing is', () => {
    const { status, stderr } = sdq(['gpu', 'setup', '--cpu'], '', { ...empty, PATH: '/nowhere' });
    expect(stderr).toMatch(/^sdq: TensorFlow cannot be set up: [^\n]*\.\n$/);
    expect(status).toBe(2);
    expect(sdq(['gpu', 'remove'], '', { XDG_CACHE_HOME: join(root, 'none') }).stdout).toBe(
      'There was nothing to remove.\n',
    );
  });
});

it('--backend webgpu says in a sentence what is missing where there is no adapter', () => {
  const none = { VK_ICD_FILENAMES: '/nowhere' };
  const { status, stderr } = sdq(['bench', '--backend', 'webgpu'], '', none);
  expect(stderr).toMatch(/^sdq: WebGPU finds no adapter: install [^\n]*\n$/);
  expect(status).toBe(2);
  const doctor = sdq(['doctor'], '', none);
  expect(doctor.stdout).toMatch(/webgpu backend +not available\n +WebGPU finds no adapter/);
  // No line of a library's own.
  expect(doctor.stderr).toBe('');
});

describe('sdq doctor and plan', () => {
  it('doctor tells what there is', () => {
    const { status, stdout } = sdq(['doctor', '--json']);
    const found = JSON.parse(stdout) as { what: string; state: string }[];
    expect(status).toBe(0);
    expect(found.map(({ what }) => what)).toContain('sdq-cpu backend');
    expect(found.find(({ what }) => what === 'Node')!.state).toBe('ok');
  });

  it('a number of threads that is none is told, and does not start another backend', () => {
    const wrong = { SDQ_THREADS: 'abc' };
    const told =
      'SDQ_THREADS=abc is no number of threads: choose a whole number from 1 to 1024, or unset it.';
    expect(sdq(['bench'], '', wrong)).toMatchObject({ status: 2, stdout: '', stderr: `sdq: ${told}\n` });
    expect(sdq(['bench', '--backend', 'sdq-cpu'], '', wrong).stderr).toBe(`sdq: ${told}\n`);
    expect(sdq(['doctor'], '', wrong).stdout).toContain(
      `!!  sdq-cpu backend  not started\n${' '.repeat(21)}${told}\n`,
    );
  });

  it('doctor says what to do where tools lack', () => {
    const { stdout } = sdq(['doctor'], '', { PATH: '/nowhere' });
    expect(stdout).toMatch(/Rust +not found\n +Install Rust/);
    expect(stdout).toMatch(/pip +not found\n.*--model/);
  });

  it('plan prints what every site gets, and from which rule', () => {
    const { status, stdout } = sdq(['plan', model]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /embeddings\.word_embeddings +26 x 16 +int8-per-channel +float32 +role:word-embedding/,
    );
    expect(stdout).toMatch(
      /encoder\.layer\.1\.output\.dense +16 x 32 +int8-per-channel +uint8 per tensor +\*\*/,
    );
  });

  it('plan knows presets by name, and rules in a file', () => {
    expect(sdq(['plan', model, '--plan', 'w2a8']).stdout).toMatch(
      /encoder\.layer\.1\.output\.dense +16 x 32 +ternary-per-channel +uint8 per tensor/,
    );
    const file = join(root, 'rules.json');
    writeFileSync(file, '{"rules": [{"match": "encoder.**", "weight": "int3-per-channel"}]}');
    const { stdout } = sdq(['plan', model, '--plan', file]);
    expect(stdout).toMatch(/encoder\.layer\.1\.output\.dense +16 x 32 +int3-per-channel +float32 +encoder/);
    expect(stdout).toMatch(/embeddings\.word_embeddings +26 x 16 +float32 +float32 *\n/);
  });

  it('plan refuses a plan for another model', () => {
    const file = join(root, 'other.json');
    writeFileSync(file, '{"rules": [{"match": "decoder.**"}]}');
    const { status, stderr } = sdq(['plan', model, '--plan', file]);
    expect(stderr).toMatch(/"decoder\.\*\*" matches no site of this model/);
    expect(status).toBe(2);
  });

  it('plan refuses what a budget alone reads', () => {
    const { status, stderr } = sdq(['plan', model, '--out', join(root, 'unread.json'), '--max-length', '9']);
    expect(stderr).toBe('sdq: --max-length, --out without --budget: give one, as --budget 20MB.\n');
    expect([status, existsSync(join(root, 'unread.json'))]).toEqual([2, false]);
  });

  it('help and version are no mistakes', () => {
    expect(sdq(['--help'])).toMatchObject({ status: 0 });
    expect(sdq(['run', '--help']).stdout).toContain('sdq run --task POS');
    expect(sdq(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('sdq score and data check', () => {
  const fixtures = fileURLToPath(new URL('../../xglue/test/fixtures', import.meta.url));
  const gold = join(fixtures, 'xglue');
  const files = ['--gold', gold, '--predictions', join(fixtures, 'predictions')];

  it('score prints the official scores, as JSON and as a table', () => {
    const { status, stdout } = sdq(['score', '--task', 'POS', '--task', 'XNLI', ...files, '--json']);
    const { scores, average } = JSON.parse(stdout);
    expect(status).toBe(0);
    expect(Object.keys(scores)).toEqual(expect.arrayContaining(['POS', 'XNLI']));
    const values = Object.values(scores.XNLI) as number[];
    expect(average.XNLI).toBeCloseTo(values.reduce((a, b) => a + b) / values.length, 12);
    expect(sdq(['score', '--task', 'XNLI', ...files]).stdout).toMatch(/XNLI +average +\d+\.\d\d/);
  });

  it('data check counts, and fails on lines that do not parse', () => {
    expect(sdq(['data', 'check', gold]).stdout).toMatch(/POS +train +en +\d+/);
    const broken = join(root, 'broken');
    writeTinyData(broken);
    writeFileSync(join(broken, 'NC/xglue.nc.de.dev'), 'no tabs at all\na\tb\tfarm\n');
    const { status, stdout } = sdq(['data', 'check', broken]);
    expect(stdout).toMatch(/xglue\.nc\.de\.dev:1/);
    expect(status).toBe(2);
  });
});

describe('sdq bench', () => {
  it('names the kernels of each run, with what the machine can do', () => {
    const sizes = ['--hidden', '24', '--sequences', '2', '--length', '8'];
    const { status, stdout, stderr } = sdq([
      'bench',
      ...sizes,
      '--profile',
      '--json',
      '--backend',
      'sdq-cpu',
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { machine, results } = JSON.parse(stdout);
    expect(machine.peaks.int8Gops).toBeGreaterThan(0);
    expect(results.map(({ name }: { name: string }) => name)).toEqual([
      'fp32 forward',
      'fp32 step',
      'int8 forward',
      'QAT step',
      'SDQ step',
    ]);
    for (const { milliseconds, tokensPerSecond, profile } of results) {
      expect(tokensPerSecond).toBeCloseTo(16_000 / milliseconds, 6);
      const shares = profile.kernels.map(({ share }: { share: number }) => share);
      expect(shares.reduce((a: number, b: number) => a + b, 0)).toBeCloseTo(1, 1);
    }
    const rowOf = (run: number, kernel: string) =>
      results[run].profile.kernels.find(({ name }: { name: string }) => name === kernel);
    const inLayers = 2 * 16 * 12 * (4 * 24 * 24 + 2 * 24 * 96);
    const integers = rowOf(2, 'integerLinear');
    expect(integers.gops * integers.milliseconds * 1e6).toBeCloseTo(inLayers, 0);
    // Each layer has six products, and the head one; all are 2 * tokens * in * out operations.
    const quantized = rowOf(3, 'SdqQuantizedLinear');
    expect(quantized.calls).toBe(12 * 6 + 1);
    expect(quantized.gops * quantized.milliseconds * 1e6).toBeCloseTo(inLayers + 2 * 16 * 24 * 17, 0);
  });

  it('refuses sizes that no encoder has', () => {
    for (const [flag, value] of [
      ['--hidden', '25'],
      ['--length', '513'],
      ['--sequences', '0'],
    ] as const) {
      const { status, stderr } = sdq(['bench', flag, value]);
      expect(status).toBe(2);
      expect(stderr).toMatch(new RegExp(`^sdq: .*${flag} ${value}`));
    }
  });
});
