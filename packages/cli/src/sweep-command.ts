import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SdqError } from '@sdq/core';
import { fetchDefaultCheckpoint, writeFileAtomically } from '@sdq/models';
import { readResults, type SweepJob, type SweepRun, sweepJobs, sweepTable } from '@sdq/pipeline';
import { createJiti } from 'jiti';
import { INTERRUPTED } from './interruption.ts';
import type { CommonFlags } from './run-command.ts';
import { TerminalReporter } from './terminal-reporter.ts';
import { textTable } from './text-table.ts';

/** The flags of `sdq sweep`. */
export interface SweepFlags extends CommonFlags {
  readonly out: string;
  readonly dryRun?: boolean;
}

/** A job that did not end as it should, and where it says why. */
interface Failure {
  readonly name: string;
  readonly log: string;
}

/**
 * `sdq sweep`: the runs of experiment files, one after another, each in a process and a folder of its own; those that are
 * finished are not run again. At the end a table over the seeds, as text and as results.md.
 */
export async function sweepCommand(files: readonly string[], flags: SweepFlags): Promise<void> {
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const experiments = await Promise.all(files.map(load));
  // Checked before the download, with a stand-in for what that brings; many experiments name their model.
  const checked = experiments.flatMap((experiment) => sweepJobs(experiment, flags.out, NO_MODEL_YET));
  const fetches = !flags.dryRun && checked.some(({ config }) => config.model === NO_MODEL_YET);
  const model = fetches
    ? await fetchDefaultCheckpoint({ report: (text) => reporter.message(text) })
    : NO_MODEL_YET;
  const found: Record<string, unknown> = {};
  const failures: Failure[] = [];
  for (const experiment of experiments) {
    const { name } = experiment as { name: string };
    const folder = join(flags.out, name);
    const jobs = sweepJobs(experiment, flags.out, model);
    if (flags.dryRun) {
      process.stdout.write(`${jobs.map((job) => job.config.out).join('\n')}\n`);
      continue;
    }
    const done: SweepRun[] = [];
    for (const [i, job] of jobs.entries()) {
      reporter.message(`${name}, run ${i + 1} of ${jobs.length}: ${job.name}`);
      const failed = isFinished(job) ? undefined : await runJob(job, flags);
      if (failed) failures.push(failed);
      else done.push({ settings: job.settings, results: readResults(job.config.out) });
    }
    if (done.length === 0) continue;
    const table = sweepTable(done);
    const file = files[experiments.indexOf(experiment)]!;
    await writeFileAtomically(
      join(folder, 'results.md'),
      markdown(name, table, done, `sdq sweep ${file} --out ${flags.out}`),
    );
    found[name] = done.map(({ settings, results }) => ({
      settings,
      scores: results.scores,
      average: results.average,
    }));
    if (!flags.json) process.stdout.write(`${textTable(table)}\n\nWrote ${join(folder, 'results.md')}.\n`);
  }
  if (flags.json && !flags.dryRun) process.stdout.write(`${JSON.stringify(found)}\n`);
  for (const { name, log } of failures)
    process.stderr.write(`sdq: The run ${name} failed: ${log} says why.\n`);
  if (failures.length > 0) process.exitCode = 1;
}

const NO_MODEL_YET = '';

/** An experiment file, JavaScript, TypeScript or JSON: its default export. */
async function load(file: string): Promise<unknown> {
  if (!existsSync(file)) throw new SdqError('path-not-found', `There is no experiment file ${file}.`);
  try {
    return await createJiti(import.meta.url).import(resolve(file), { default: true });
  } catch (cause) {
    throw new SdqError(
      'bad-option',
      `The experiment file ${file} does not load: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/** A run is finished when its folder has results, and they are of this very configuration. */
function isFinished({ config }: SweepJob): boolean {
  if (!existsSync(join(config.out, 'results.json'))) return false;
  return isDeepStrictEqual(
    JSON.parse(readFileSync(join(config.out, 'config.json'), 'utf8')),
    JSON.parse(JSON.stringify(config)),
  );
}

/** In a process of its own, so that a run that breaks leaves the others alone; its output goes to a file. */
async function runJob({ name, config }: SweepJob, flags: SweepFlags): Promise<Failure | undefined> {
  const jobs = join(dirname(config.out), 'jobs');
  mkdirSync(jobs, { recursive: true });
  const [file, log] = [join(jobs, `${name}.json`), join(jobs, `${name}.log`)];
  await writeFileAtomically(file, `${JSON.stringify(config, null, 2)}\n`);
  const output = openSync(log, 'a');
  try {
    const backend = flags.backend === undefined ? [] : ['--backend', flags.backend];
    const child = spawn(process.execPath, [process.argv[1]!, 'run', '--config', file, ...backend], {
      stdio: ['ignore', output, output],
    });
    const code = await new Promise((ended, fail) => {
      child.once('error', fail);
      child.once('exit', (code, signal) => ended(code ?? signal));
    });
    if (code === INTERRUPTED || code === 'SIGINT' || code === 'SIGTERM') {
      throw new SdqError('interrupted', `Stopped at ${name}: the same command goes on from there.`);
    }
    return code === 0 ? undefined : { name, log };
  } finally {
    closeSync(output);
  }
}

function markdown(
  name: string,
  table: readonly string[][],
  runs: readonly SweepRun[],
  command: string,
): string {
  const [head, ...rows] = table as [string[], ...string[][]];
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const { task, metric, machine, backend, versions } = runs[0]!.results;
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `# ${name}

${task}, ${metric}, in points of 100: means over the seeds; sd is the sample standard deviation of the average, kept its share of fp32's.

${line(head)}
|${'---|'.repeat(head.length)}
${rows.map(line).join('\n')}

${machine}; ${backend}; ${used.join(', ')}.

\`\`\`sh
${command}
\`\`\`
`;
}
