// What the figures were measured on.
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { sdqCpuInfo } from '@sdq/kernels-cpu';

export function threads() {
  return sdqCpuInfo().threads;
}

export function machine() {
  const { path, threads: count } = sdqCpuInfo();
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    path,
    threads: count,
    node: process.versions.node,
    sdq: JSON.parse(readFileSync(new URL('../../packages/cli/package.json', import.meta.url), 'utf8'))
      .version,
  };
}
