import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Reporter, SdqError } from '@sdq/core';
import { readResults, runsByTask } from '@sdq/core/results';
import { fetchDefaultCheckpoint, writeFileAtomically } from '@sdq/models';
import {
  FolderLock,
  isRunFinished,
  jobsFolder,
  type KnownHashes,
  loadPlugins,
  type Plugins,
  type RunConfig,
  runLog,
  runName,
  sharedFolder,
  sweepJobs,
  sweepTests,
} from '@sdq/pipeline';
import type { Failure, QueuedSweep } from '@sdq/queue';
import { sweepPage, sweepTable } from '@sdq/report';
import { createJiti } from 'jiti';
import { NO_MODEL_YET } from '../backends/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { type ConfigFile, pluginsIn } from '../flags/index.ts';
import { optionalPackage } from '../optional-package.ts';
import { startRun, wasInterrupted } from '../run-process/index.ts';
import { TerminalReporter, textTable, VERSION } from '../terminal/index.ts';

/** The flags of `sdq sweep`. */
export interface SweepFlags extends CommonFlags {
  readonly out: string;
  readonly dryRun?: boolean;
  /** The address of a Redis server whose workers do the runs. */
  readonly queue?: string;
}

/**
 * `sdq sweep`: the runs of experiment files, each in a process and a folder of its own, one after another or, with a queue, by
 * workers on many machines; those that are finished are not run again. At the end a table over the seeds, as text and as
 * results.md.
 */
export async function sweepAction(files: readonly string[], flags: SweepFlags): Promise<void> {
  if (flags.queue !== undefined && flags.backend !== undefined) {
    throw new SdqError('bad-option', 'With --queue each worker has a --backend of its own.');
  }
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const experiments = await Promise.all(files.map(load));
  // Checked before the download, with a stand-in for what that brings; many experiments name their model.
  const plugins = await Promise.all(experiments.map(pluginsOf));
  const checked = experiments.flatMap((experiment, i) =>
    sweepJobs(experiment, flags.out, NO_MODEL_YET, plugins[i]),
  );
  if (flags.dryRun) {
    process.stdout.write(`${checked.map(({ config }) => config.out).join('\n')}\n`);
    return;
  }
  if (flags.queue !== undefined && checked.some(({ config }) => config.plugins)) {
    throw new SdqError(
      'bad-option',
      'Runs with plug-ins cannot go on a queue: a worker loads no code that a queue names.',
    );
  }
  const queue = flags.queue === undefined ? undefined : await openQueue(flags.queue, reporter);
  try {
    const model = checked.some(({ config }) => config.model === NO_MODEL_YET)
      ? await fetchDefaultCheckpoint({ report: (text) => reporter.message(text) })
      : NO_MODEL_YET;
    const sweeps = experiments.map((experiment, i) => ({
      name: (experiment as { name: string }).name,
      file: files[i]!,
      jobs: sweepJobs(experiment, flags.out, model, plugins[i]),
    }));
    const configs = sweeps.flatMap(({ jobs }) => jobs.map(({ config }) => config));
    // The workers have data and models; they share the folders of the runs.
    requireSources(configs, queue ? ['teacher'] : ['data', 'teacher', 'model']);
    await queue?.add(configs, (config) => config.model === model);
    const found: Record<string, unknown> = {};
    const failures: Failure[] = [];
    for (const { name, file, jobs } of sweeps) {
      const asked = jobs.map(({ config }) => config);
      failures.push(...(await (queue ? queue.finish(name, asked) : runHere(name, asked, flags, reporter))));
      const finished = await finishedRuns(asked);
      const done = jobs.filter(({ config }) => finished.has(config));
      const runs = done.map(({ settings, config }) => ({ settings, results: readResults(config.out) }));
      if (runs.length === 0) continue;
      const page = join(flags.out, name, 'results.md');
      await writeFileAtomically(
        page,
        sweepPage(name, runs, `sdq sweep ${file} --out ${flags.out}`, sweepTests),
      );
      found[name] = runs.map(({ settings, results: { scores, average } }) => ({ settings, scores, average }));
      if (flags.json) continue;
      const tasks = runsByTask(runs);
      for (const [task, own] of tasks) {
        const title = tasks.size > 1 ? `${task}\n` : '';
        process.stdout.write(`${title}${textTable(sweepTable(own))}\n\n`);
      }
      process.stdout.write(`Wrote ${page}.\n`);
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(found)}\n`);
    for (const { name, log, reason } of failures)
      process.stderr.write(`sdq: The run ${name} failed: ${log} says why. ${reason}\n`);
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    queue?.close();
  }
}

async function openQueue(url: string, reporter: Reporter): Promise<QueuedSweep> {
  const { QueuedSweep } = await optionalPackage('@sdq/queue', '--queue', () => import('@sdq/queue'));
  return QueuedSweep.open(url, VERSION, reporter);
}

/** What the plug-ins that the runs of an experiment name bring. */
function pluginsOf(experiment: unknown): Promise<Plugins> {
  return loadPlugins(pluginsIn((experiment as { base?: ConfigFile } | null)?.base ?? {}));
}

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

/** The runs that are not finished, one after another. */
async function runHere(
  sweep: string,
  configs: readonly RunConfig[],
  { backend }: SweepFlags,
  reporter: Reporter,
): Promise<Failure[]> {
  if (!configs[0]) return [];
  const lock = FolderLock.acquire(jobsFolder(configs[0]));
  try {
    return await runUnfinished(sweep, configs, backend, reporter);
  } finally {
    lock.release();
  }
}

async function runUnfinished(
  sweep: string,
  configs: readonly RunConfig[],
  backend: string | undefined,
  reporter: Reporter,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const finished = await finishedRuns(configs);
  for (const [i, config] of configs.entries()) {
    const name = runName(config);
    reporter.message(`${sweep}, run ${i + 1} of ${configs.length}: ${name}`);
    if (finished.has(config)) continue;
    const { code, reason } = await (await startRun(config, { backend, shared: sharedFolder(config) })).ended;
    if (wasInterrupted(code)) {
      throw new SdqError('interrupted', `Stopped at ${name}: the same command goes on from there.`);
    }
    if (code !== 0) failures.push({ name, log: runLog(config), reason });
  }
  // Gigabytes, which are computed again should more runs be asked for.
  rmSync(join(sharedFolder(configs[0]!), 'teacher-cache'), { recursive: true, force: true });
  return failures;
}

/** Those of some runs that are finished; what many of them read is read once. */
async function finishedRuns(configs: readonly RunConfig[]): Promise<Set<RunConfig>> {
  const known: KnownHashes = new Map();
  const finished = new Set<RunConfig>();
  for (const config of configs) if (await isRunFinished(config, known)) finished.add(config);
  return finished;
}

/**
 * Checks that what runs read is there, before the first of them starts.
 *
 * @throws SdqError `path-not-found` that names what is missing, and for which runs
 */
function requireSources(
  configs: readonly RunConfig[],
  options: readonly ('data' | 'model' | 'teacher')[],
): void {
  const made = new Set(configs.map(({ out }) => resolve(out, 'teacher')));
  for (const option of options) {
    const lacking = configs.filter((config) => {
      const path = config[option];
      return path !== undefined && !made.has(resolve(path)) && !existsSync(path);
    });
    const [first] = lacking;
    if (!first) continue;
    const others = lacking.length > 1 ? ` and ${lacking.length - 1} more` : '';
    throw new SdqError(
      'path-not-found',
      `There is no ${first[option]}, the "${option}" of ${runName(first)}${others}: nothing was started.`,
    );
  }
}
