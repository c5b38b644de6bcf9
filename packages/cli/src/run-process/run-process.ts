import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '@sdq/models';
import { jobsFolder, type RunConfig, runLog, runName } from '@sdq/pipeline';
import { INTERRUPTED } from '../terminal/index.ts';

/** How a run's process is started. */
export interface RunProcessOptions {
  readonly backend?: string | undefined;
  readonly checkpointSteps?: number | undefined;
  /** The folder of what runs of one teacher have in common. */
  readonly shared?: string | undefined;
  /** Gets no Ctrl-C of the terminal, and ends when this process has gone, however it went. */
  readonly supervised?: boolean;
}

/** A run in a process of its own. */
export interface RunProcess {
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it, and its last sentence. */
  readonly ended: Promise<{ readonly code: number | NodeJS.Signals; readonly reason: string }>;
}

/** Far more than the last lines of a log. */
const MAX_TAIL_BYTES = 64 * 1024;

/** Whether a process ended because a signal asked it to. */
export function wasInterrupted(code: number | NodeJS.Signals): boolean {
  return code === INTERRUPTED || code === 'SIGINT' || code === 'SIGTERM';
}

/** Starts a run in a process of its own, so that one that breaks leaves others alone; its output goes to a file. */
export async function startRun(config: RunConfig, options: RunProcessOptions): Promise<RunProcess> {
  const { backend, checkpointSteps, shared, supervised = false } = options;
  mkdirSync(jobsFolder(config), { recursive: true });
  const file = join(jobsFolder(config), `${runName(config)}.json`);
  await writeFileAtomically(file, `${JSON.stringify(config, null, 2)}\n`);
  const log = runLog(config);
  const output = openSync(log, 'a');
  const before = fstatSync(output).size;
  const flags = Object.entries({
    '--backend': backend,
    '--checkpoint-steps': checkpointSteps,
    // Only runs of a given teacher have something in common.
    '--shared': config.teacher === undefined ? undefined : shared,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
  const child = spawn(process.execPath, [process.argv[1]!, 'run', '--config', file, ...flags], {
    stdio: ['ignore', output, output, ...(supervised ? (['ipc'] as const) : [])],
    detached: supervised,
  });
  closeSync(output);
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? signal!));
  });
  return { child, ended: ended.then((code) => ({ code, reason: lastSentence(log, before, code) })) };
}

/** What a run said last of what went wrong. */
function lastSentence(log: string, from: number, code: number | NodeJS.Signals): string {
  const start = Math.max(from, statSync(log).size - MAX_TAIL_BYTES);
  const bytes = Buffer.alloc(MAX_TAIL_BYTES);
  const file = openSync(log, 'r');
  const length = readSync(file, bytes, 0, bytes.length, start);
  closeSync(file);
  const lines = bytes.toString('utf8', 0, length).trimEnd().split('\n');
  const said = lines.findLast((line) => line.startsWith('sdq: '));
  return (
    said?.slice('sdq: '.length) ?? `It ended with ${typeof code === 'number' ? 'exit code ' : ''}${code}.`
  );
}
