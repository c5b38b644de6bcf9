import { type Command, Option } from 'commander';

/** Adds `sdq export`. */
export function exportCommand(sdq: Command): void {
  sdq
    .command('export')
    .description('write a saved model as a folder that onnxruntime, transformers.js or transformers loads')
    .argument('<model>', "a model folder: a run's teacher or student")
    .requiredOption('--out <folder>', 'the folder to write')
    .addOption(
      new Option('--format <name>', 'what the weights are written as')
        .choices(['onnx', 'safetensors'])
        .default('onnx'),
    )
    .addOption(
      new Option('--target <name>', 'where ONNX integers run: cpu writes integer operators, web QDQ')
        .choices(['cpu', 'web'])
        .default('cpu'),
    )
    .option('--nibbles', "store weights of at most 4 bits two to a byte, as onnxruntime's MatMulNBits")
    .option('--license <name>', 'the licence of the model that training started from, for the model card')
    .option('--force', 'replace the folder if an export wrote it')
    .option('--json', 'print JSON on standard output')
    .addHelpText(
      'after',
      '\nExample:\n  sdq export runs/pos/student --format onnx --target cpu --out pos-int8',
    )
    .action(async (model, flags) => (await import('./export-action.ts')).exportAction(model, flags));
}
