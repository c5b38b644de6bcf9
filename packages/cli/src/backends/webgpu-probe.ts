import { spawnSync } from 'node:child_process';
import { SdqError } from '@sdq/core';
import type { WebGpuInfo } from '@sdq/kernels-webgpu';
import { optionalPackage } from '../optional-package.ts';

const SECONDS = 60;

/** The package that brings the kernels, which is not installed with sdq. */
export function loadWebGpu(): Promise<typeof import('@sdq/kernels-webgpu')> {
  return optionalPackage('@sdq/kernels-webgpu', '--backend webgpu', () => import('@sdq/kernels-webgpu'));
}

/** What a probe writes to standard output, as a line of JSON. */
type Probe = { readonly info: WebGpuInfo } | { readonly problem: string };

/**
 * Looks for WebGPU in a process of its own: its library prints lines of its own to standard error, and a broken driver may
 * end the process.
 *
 * @throws SdqError `unavailable` when there is no WebGPU here, with what to do
 */
export function probeWebGpu(): WebGpuInfo {
  const command = [...process.execArgv, process.argv[1]!, 'webgpu-probe'];
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    timeout: 1000 * SECONDS,
  });
  const probe = probeFrom(stdout);
  if (probe && 'info' in probe) return probe.info;
  if (probe) throw new SdqError('unavailable', probe.problem);
  const end = signal === null ? `exit status ${status}` : signal;
  const last = stderr.trim().split('\n').at(-1);
  throw new SdqError(
    'unavailable',
    `WebGPU does not start here: a trial ended with ${end}${last ? ` (${last.slice(0, 200)})` : ''}; update the driver of the graphics card, or use another backend.`,
  );
}

/** `sdq webgpu-probe`: what {@link probeWebGpu} reads. */
export async function webGpuProbeCommand(): Promise<void> {
  let probe: Probe;
  try {
    probe = { info: await (await loadWebGpu()).useWebGpu() };
  } catch (error) {
    if (!(error instanceof SdqError)) throw error;
    probe = { problem: error.message };
  }
  process.stdout.write(`${JSON.stringify(probe)}\n`);
}

function probeFrom(output: string): Probe | undefined {
  try {
    return JSON.parse(output) as Probe;
  } catch {
    return undefined;
  }
}
