import type { Command } from 'commander';

/** Adds `sdq gpu`. */
export function gpuCommand(sdq: Command): void {
  const gpu = sdq.command('gpu').description('set up TensorFlow for --backend cuda, or remove it');
  gpu
    .command('setup')
    .description(
      'build the TensorFlow backend in the cache folder: 3.4 GB to download by pip, hashes checked; goes on where it was interrupted',
    )
    .option('--cpu', 'for machines without an NVIDIA card: 0.3 GB')
    .option('--json', 'print JSON on standard output')
    .action(async (flags) => (await import('./gpu-action.ts')).gpuSetupAction(flags));
  gpu
    .command('remove')
    .description('remove what setup built')
    .option('--json', 'print JSON on standard output')
    .action(async (flags) => (await import('./gpu-action.ts')).gpuRemoveAction(flags));
}
