import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { program } from '../../packages/cli/src/program.ts';
import { writeTinyData, writeTinyModel, writeTinyQuestions } from '../../packages/pipeline/test/tiny-task.ts';
import {
  type DocCommand,
  findCommands,
  findCommandsInText,
  inOrder,
  outputOf,
  sdqArguments,
} from './doc-commands.ts';
import { findShownFiles } from './examples.ts';
import { experimentNames } from './experiments.ts';

// The commands of all pages, run in miniature: as written, in a folder where the paths that they name hold tiny data and where their
// model is a tiny random one.

vi.mock('../../packages/cli/src/terminal/interruption.ts', async (original) => ({
  ...(await original<object>()),
  // The test runner's process has a channel of its own to its parent.
  endWithParent() {},
}));

vi.mock('@sdq/xglue', async (original) => ({
  ...(await original<object>()),
  topicsFolder: () => 'packages/xglue/data/topics',
}));

const root = fileURLToPath(new URL('../..', import.meta.url));
const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts);
const scratch = mkdtempSync(join(tmpdir(), 'sdq-doc-commands-'));
const clone = join(scratch, 'sdq');
const at = (...names: string[]) => join(clone, ...names);

/** Why a command cannot be run by every test. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [
    /--queue /,
    'needs a Redis server: packages/cli/test/queue.test.ts runs sweeps and workers where there is one',
  ],
  [/^gpu setup/, 'downloads TensorFlow'],
  [/--backend cuda/, 'needs "sdq gpu setup"'],
  [
    /--backend webgpu/,
    'needs the package webgpu and an adapter: packages/kernels-webgpu tests it where there is one',
  ],
];

/** What makes a command small; of an option given twice the last counts. */
const SMALLER: Readonly<Record<string, readonly string[]>> = {
  run: words(
    '--model model --tokens-per-batch 128 --train-limit 24 --dev-limit 6 --calibration-batches 1 --max-length 32',
  ),
  distill: words('--tokens-per-batch 128 --train-limit 24 --dev-limit 6 --calibration-batches 1'),
  quickstart: words('--model model'),
  analyze: words('--dev-limit 2 --calibration-batches 1'),
  bench: words('--hidden 12 --sequences 2 --length 8'),
};
/** Scripts that are quick on tiny models, and what makes them quicker. */
const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  'tooling/results/ptq-table.mjs': [],
  'tooling/data/task-texts.mjs': [],
  // Tokens: what the tiny model takes.
  'tooling/data/label-words.mjs': ['32'],
  'tooling/numerics/last-bit.mjs': [],
  // Seconds.
  'examples/service/load-test.mjs': ['1'],
};
/** Numbers that only a model of 12 layers and megabytes has. */
const FITTED: Readonly<Record<string, string>> = { '5,11': '0,1', '60MB': '5KB' };

/** So many values of a sweep's option are tried. */
const MAX_VALUES = 3;

/** Where commands that are not of sdq are run, or why nowhere. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [
    /^npm run quickstart$/,
    'npm test begins with its first half, tooling/ci/bootstrap.mjs; its second half is "sdq quickstart"',
  ],
  [/^npm test$/, 'what CI runs'],
  [/^npm run build$/, 'tooling/ci/bootstrap.mjs builds'],
  [/^npm run bench/, 'run by hand: it measures for minutes'],
  [/^node --expose-gc tooling\/bench\/soak\.mjs/, 'run by hand: it trains for minutes, on TensorFlow'],
  [/^npm install .*@sdq/, 'tooling/release/release-check.mjs installs each package by it'],
  [/^npm install (webgpu|onnxruntime-node)/, 'the workspace has it'],
  [/^npx vitest run /, 'npm test runs these files'],
  [/^node (build|serve)\.mjs dist/, 'examples/browser/browser.test.ts'],
  [/^node examples\/service\/main\.mjs/, 'examples/service/service.test.ts tests what it starts'],
  [/^node examples\/onnx-browser\/main\.mjs/, 'examples/onnx-browser/onnx-browser.test.ts'],
  [/^node tooling\/release\/release-check\.mjs/, 'the release workflow runs it'],
  [/^node tooling\/bench\/install-pytorch\.mjs/, 'run by hand: it downloads PyTorch'],
  [/^node tooling\/numerics\/parity-table\.mjs/, 'run by hand: it measures every backend'],
  [
    /^node tooling\/results\/settings-picture\.mjs/,
    'tooling/results/settings-picture.test.ts tests what it names',
  ],
  [/^node tooling\/results\/tasks-table\.mjs/, 'tooling/results/tasks-table.test.ts tests what it computes'],
  [/^node tooling\/results\/tasks-picture\.mjs/, 'tooling/results/tasks-picture.test.ts tests what it draws'],
  [/^node tooling\/results\/latency\.mjs/, 'run by hand: it measures for minutes'],
  [
    /^node tooling\/results\/language-effects\.mjs/,
    'tooling/results/language-effects.test.ts tests what it computes',
  ],
  [/^python tooling\/data\/frequent-words\.py/, 'run by hand: it needs wordfreq'],
  [
    /^python3 tooling\/data\/mbert-checkpoint\.py/,
    'run by hand: it needs TensorFlow and a download of 660 MB',
  ],
  [/^(cd|apt-get|mvn|pip|redis-server) /, 'of the system'],
];

const found = findCommands(root);
const seen = new Set<string>();
const unique = found.filter(({ words, input, output }) => {
  const key = JSON.stringify([sdqArguments({ words }) ?? words, input, output]);
  return !seen.has(key) && seen.add(key);
});
const commands = inOrder(unique.filter((command) => sdqArguments(command) || isQuick(command)));
const others = unique.filter((command) => !commands.includes(command) && command.words[0] !== 'echo');

beforeAll(async () => {
  const data = join(scratch, 'shared/data/xglue');
  writeTinyData(data);
  writeTinyQuestions(data);
  for (const task of ['NER', 'XNLI', 'PAWSX'])
    cpSync(join(root, 'packages/xglue/test/fixtures/xglue', task), join(data, task), { recursive: true });
  cpSync(join(data, 'POS/de.dev'), join(data, 'POS/th.dev'));
  for (const name of ['data/xglue', 'my-data', 'packages/xglue/data/topics']) {
    mkdirSync(dirname(at(name)), { recursive: true });
    symlinkSync(data, at(name));
  }
  await writeTinyModel(at('model'));
  mkdirSync(at('text'));
  mkdirSync(at('words'));
  for (const language of ['en', 'de', 'fr']) {
    for (const folder of ['text', 'words'])
      writeFileSync(at(folder, `${language}.txt`), 'the cow and the star\n');
  }
  symlinkSync(join(root, 'examples/plugin'), at('my-plugin'));
  for (const { name, text } of findShownFiles(root)) writeFileSync(at(name), text);
  mkdirSync(at('experiments'));
  for (const name of experimentNames(root)) {
    const { default: sweep } = await import(`../../experiments/${name}.ts`);
    const limits = { trainLimit: 24, devLimit: 6 };
    const base = { ...sweep.base, model: 'model', ...limits, maxLength: 32 };
    const tasks = sweep.tasks && mapValues(sweep.tasks, (options: object) => ({ ...options, ...limits }));
    const values = mapValues(sweep.grid, (all: unknown[], option) =>
      option === 'task' ? all : all.slice(0, MAX_VALUES),
    );
    const grid = { ...values, seed: [0] };
    writeFileSync(
      at('experiments', `${name}.ts`),
      `export default ${JSON.stringify({ ...sweep, base, tasks, grid })};`,
    );
  }
  process.chdir(clone);
  vi.stubEnv('XDG_CACHE_HOME', join(scratch, 'cache'));
  vi.stubEnv('HOME', clone);
});

afterAll(() => {
  process.chdir(root);
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true, force: true });
  const list = [
    ...commands.map((command) => [lineOf(command), reasonNotToRun(command)] as const),
    ...others.map(({ words }) => [words.join(' '), elsewhere(words.join(' '))] as const),
  ].filter(([, reason]) => reason !== undefined);
  console.log(`Not run here:\n${list.map(([line, reason]) => `  ${line}: ${reason}`).join('\n')}`);
});

it('finds the commands', () => {
  expect(commands.length).toBeGreaterThan(50);
  expect(commands.map(lineOf)).toContain(
    'sdq trim runs/pos/student --languages en,de,fr --corpus text/{lg}.txt --out pos-en-de-fr',
  );
});

describe('runs, in miniature,', () => {
  for (const command of commands) {
    const reason = reasonNotToRun(command);
    if (reason) it.skip(`${lineOf(command)} (${reason})`, () => {});
    else it(lineOf(command), () => run(command));
  }
});

describe('parses', () => {
  it.each(
    commands.filter(reasonNotToRun).map((command) => [lineOf(command), sdqArguments(command)!] as const),
  )('%s', (_, args) => expect(parsed(args)).toBe('an action'));

  const inText = findCommandsInText(root).map((words) => sdqArguments({ words })!);
  it.each([...new Map(inText.map((args) => [args.join(' '), args]))])('in the text: sdq %s', (_, args) => {
    expect(parsed(args)).toMatch(/^(an action|commander\.(help.*|missing.*))$/);
  });

  it('and tells what does not exist', () => {
    expect(parsed(['run', '--no-such-option'])).toBe('commander.unknownOption');
    expect(parsed(['no-such-command'])).toBe('commander.unknownCommand');
  });
});

describe('knows what runs', () => {
  it.each(others.map((command) => [command.words.join(' '), command] as const))('%s', (line, command) => {
    expect(elsewhere(line)).toBeDefined();
    if (line.startsWith('npm run ')) expect(scripts).toContain(command.words[2]);
    for (const path of filesOf(command))
      expect(existsSync(join(root, command.folder, path)), path).toBe(true);
  });
});

async function run(command: DocCommand): Promise<void> {
  const args = sdqArguments(command);
  if (!args) {
    if (command.words[0] === 'echo') writeFileSync(command.output!, `${command.words.slice(1).join(' ')}\n`);
    else spawnNode(command.words);
    return;
  }
  const out = outputOf(command);
  // Pages make the same run in several ways.
  if (out !== undefined && out !== 'runs') rmSync(out, { recursive: true, force: true });
  const { printed, exitCode, said } = await sdq(smaller(args), command.input);
  expect(exitCode, said).toBe(0);
  expect(printed, said).not.toBe('');
  if (command.output !== undefined) appendFileSync(command.output.replace('~', clone), printed);
  if (out === undefined || args.includes('--dry-run')) return;
  expect(existsSync(out), out).toBe(true);
  if (args[0] === 'run')
    for (const file of ['results.json', 'report.html', 'student/model.safetensors'])
      expect(existsSync(join(out, file)), file).toBe(true);
}

/** Runs the command in this process, and says what it printed and how it ended. */
async function sdq(args: readonly string[], input: string) {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const stdin = vi
    .spyOn(process, 'stdin', 'get')
    .mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin);
  const argv = process.argv;
  // What a sweep starts its runs with.
  process.argv = [process.execPath, join(root, 'packages/cli/dist/main.js')];
  const text = (calls: readonly (readonly unknown[])[]) => calls.map(([part]) => String(part)).join('');
  try {
    await program().parseAsync([...args], { from: 'user' });
    return {
      printed: text(out.mock.calls),
      said: text(err.mock.calls),
      exitCode: Number(process.exitCode ?? 0),
    };
  } finally {
    process.argv = argv;
    process.exitCode = undefined;
    for (const spy of [out, err, stdin]) spy.mockRestore();
  }
}

function spawnNode([, script, ...args]: readonly string[]): void {
  const all = [join(root, script!), ...args, ...SCRIPTS[script!]!];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(stdout).not.toBe('');
}

function smaller([name, ...rest]: readonly string[]): string[] {
  const fitted = rest.map((word) => FITTED[word] ?? word);
  const more = SMALLER[name!] ?? [];
  return [name!, ...fitted, ...(rest.includes('--teacher') ? more.slice(2) : more)];
}

/** The files of this repository that a command of another program names. */
function filesOf({ words: [name, ...rest] }: DocCommand): string[] {
  const operands = rest.filter((word) => !word.startsWith('-'));
  if (name === 'cd') return [''];
  if (name === 'node' || name === 'python') return [operands[0]!];
  if (name === 'npx') return operands.slice(2);
  if (operands[0] === 'install')
    return operands.filter((word) => word.startsWith('@sdq/')).map((word) => `packages/${word.slice(5)}`);
  return [];
}

function reasonNotToRun(command: DocCommand): string | undefined {
  const line = sdqArguments(command)?.join(' ') ?? '';
  return NOT_RUN.find(([pattern]) => pattern.test(line))?.[1];
}

function elsewhere(line: string): string | undefined {
  return ELSEWHERE.find(([pattern]) => pattern.test(line))?.[1];
}

/** Whether a command of another program is run here too. */
function isQuick({ words: [name, script], output }: DocCommand): boolean {
  return name === 'echo' ? output !== undefined : name === 'node' && script! in SCRIPTS;
}

function lineOf(command: DocCommand): string {
  const args = sdqArguments(command);
  const line = args ? ['sdq', ...args].join(' ') : command.words.join(' ');
  const input = command.input === '' ? '' : `echo ${command.input.trim()} | `;
  return `${input}${line}${command.output === undefined ? '' : ` > ${command.output}`}`;
}

function mapValues<T>(object: Record<string, T>, of: (value: T, key: string) => unknown) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, of(value, key)]));
}

type Command = ReturnType<typeof program>;

/** What commander makes of the arguments: an action, or the code of its error. */
function parsed(args: readonly string[]): string {
  let reached = 'nothing';
  const sdq = program();
  for (const command of allCommands(sdq)) {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    if (command.commands.length > 0) continue;
    command.action(() => {
      reached = 'an action';
    });
  }
  try {
    sdq.parse([...args], { from: 'user' });
  } catch (error) {
    return (error as { code: string }).code;
  }
  return reached;
}

function allCommands(command: Command): Command[] {
  return [command, ...(command.commands as Command[]).flatMap(allCommands)];
}

function words(text: string): string[] {
  return text.split(' ');
}
