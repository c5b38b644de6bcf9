import { loadCuda } from '../backends/index.ts';

/** `sdq gpu setup`: builds the binding to TensorFlow. */
export async function gpuSetupAction(flags: { cpu?: boolean; json?: boolean }): Promise<void> {
  const report = (text: string) => void process.stderr.write(`${text}\n`);
  const { setUpCuda } = await loadCuda('"sdq gpu setup"');
  const folder = await setUpCuda({ cpu: flags.cpu, report });
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ folder })}\n`
      : `TensorFlow is set up in ${folder}: run commands with --backend cuda.\n`,
  );
}

/** `sdq gpu remove`: removes what setup built. */
export async function gpuRemoveAction(flags: { json?: boolean }): Promise<void> {
  const { removeCuda } = await loadCuda('"sdq gpu remove"');
  const removed = await removeCuda();
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ removed: removed ?? null })}\n`
      : `${removed ? `Removed ${removed}.` : 'There was nothing to remove.'}\n`,
  );
}
