import type { Command } from 'commander';

/** Adds `sdq webgpu-probe`. */
export function webgpuProbeCommand(sdq: Command): void {
  sdq
    .command('webgpu-probe', { hidden: true })
    .action(async () => (await import('../backends/index.ts')).webGpuProbeCommand());
}
