import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyModel } from '../../packages/pipeline/test/tiny-task.ts';
import { checkedModule, findExamples, findPages, findShownFiles, statedValue } from './examples.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'tooling', `.examples-${process.pid}`);
const examples = findExamples(root);

// These take minutes, throw on purpose, or stand in for a user's own backend: they are checked by type alone.
const TYPES_ONLY = [
  'packages/pipeline/README.md 1',
  'packages/core/README.md 1',
  'packages/kernels/src/host-kernels.ts 1',
];

beforeAll(async () => {
  mkdirSync(folder);
  examples.forEach((example, i) => {
    writeFileSync(join(folder, `${i}.ts`), checkedModule(example));
  });
  const compilerOptions = { noUnusedLocals: false };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: ['*.ts'] }),
  );
  // The names of folders that examples read.
  symlinkSync(join(root, 'packages/xglue/test/fixtures/xglue'), join(folder, 'xglue'));
  symlinkSync(join(root, 'packages/xglue/test/fixtures/predictions'), join(folder, 'predictions'));
  for (const { name, text } of findShownFiles(root)) writeFileSync(join(folder, name), text);
  const student = join(folder, 'runs/quickstart/student');
  await writeTinyModel(student, 16, { kind: 'sequence-classification', labels: ['x', 'y'] });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('finds the examples of every package and page', () => {
  expect(examples.length).toBeGreaterThan(60);
  const packages = examples.filter(({ name }) => name.startsWith('packages/'));
  expect(new Set(packages.map(({ name }) => name.split('/')[1])).size).toBeGreaterThanOrEqual(8);
  expect(examples.map(({ name }) => name)).toContain('docs/serving.md 1');
});

it('knows the language of every block on a page', () => {
  const unknown = findPages(root).flatMap((page) => {
    const fences = readFileSync(join(root, page), 'utf8').match(/^```.*$/gm) ?? [];
    return fences
      .filter((_, i) => i % 2 === 0)
      .filter((fence) => !/^```(ts|sh|(js|json) \[.+\])?$/.test(fence))
      .map((fence) => `${page}: ${fence}`);
  });
  expect(unknown).toEqual([]);
});

it('compiles them all', () => {
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', ['-p', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const named = stdout.replaceAll(/^.*?\.examples-\d+\/(\d+)\.ts/gm, (_, i) => examples[Number(i)]!.name);
  expect(named).toBe('');
  expect(status).toBe(0);
});

describe('each runs, and gives what its comments say', () => {
  const before = process.cwd();

  it.each(examples.map(({ name }, i) => [name, i] as const).filter(([name]) => !TYPES_ONLY.includes(name)))(
    '%s',
    async (_name, i) => {
      await tf.setBackend('cpu');
      const found: [unknown, string][] = [];
      Object.assign(globalThis, {
        checkExample: (value: unknown, comment: string) => found.push([value, comment]),
      });
      process.chdir(folder);
      try {
        await import(/* @vite-ignore */ join(folder, `${i}.ts`));
      } finally {
        process.chdir(before);
      }
      for (const [value, comment] of found) {
        const stated = statedValue(comment);
        if (stated) expectClose(value, stated.value, comment);
      }
    },
  );
});

function expectClose(actual: unknown, stated: unknown, comment: string): void {
  if (typeof stated === 'number') {
    expect(Math.abs((actual as number) - stated), comment).toBeLessThanOrEqual(
      1e-6 * Math.max(1, Math.abs(stated)),
    );
  } else if (typeof stated === 'object' && stated !== null) {
    for (const [key, part] of Object.entries(stated)) {
      expectClose((actual as Record<string, unknown>)[key], part, comment);
    }
    if (Array.isArray(stated)) expect((actual as unknown[]).length, comment).toBe(stated.length);
  } else {
    expect(actual, comment).toEqual(stated);
  }
}
