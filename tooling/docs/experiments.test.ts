import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sweepJobs } from '@sdq/pipeline';
import { describe, expect, it, vi } from 'vitest';
import { program } from '../../packages/cli/src/program.ts';
import { experimentNames } from './experiments.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const names = experimentNames(root);

async function jobsOf(name: string) {
  const { default: sweep } = await import(`../../experiments/${name}.ts`);
  return { sweep, jobs: sweepJobs(sweep, 'runs', 'a-model') };
}

describe.each(names)('experiments/%s.ts', (name) => {
  it('names its runs as sdq sweep --dry-run lists them', async () => {
    const { sweep, jobs } = await jobsOf(name);
    expect(sweep.name).toBe(name);
    const file = join(root, 'experiments', `${name}.ts`);
    expect(await dryRun(file)).toEqual(jobs.map(({ config }) => config.out));
  });

  it('is in the table of docs/experiments.md', () => {
    expect(readFileSync(join(root, 'docs/experiments.md'), 'utf8')).toMatch(
      new RegExp(`^\\|.*\`${name}\\.ts\`.*\\|`, 'm'),
    );
  });
});

it('makes every teacher that a run names', async () => {
  const configs = (await Promise.all(names.map(jobsOf))).flatMap(({ jobs }) =>
    jobs.map(({ config }) => config),
  );
  const made = new Set(configs.map(({ out }) => `${out}/teacher`));
  const named = configs.flatMap(({ teacher }) => (teacher === undefined ? [] : [teacher]));
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((teacher) => !made.has(teacher))).toEqual([]);
});

async function dryRun(file: string): Promise<string[]> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await program().parseAsync(['sweep', file, '--out', 'runs', '--dry-run'], { from: 'user' });
    return write.mock.calls
      .map(([text]) => String(text))
      .join('')
      .trimEnd()
      .split('\n');
  } finally {
    write.mockRestore();
  }
}
