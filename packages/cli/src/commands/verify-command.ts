import type { Command } from 'commander';
import { listFlag, modelFlags, numberFlag } from '../flags/index.ts';

/** Adds `sdq verify`. */
export function verifyCommand(sdq: Command): void {
  modelFlags(sdq.command('verify'))
    .description(
      'compare an exported model on real text with the model that it was made from, run in process',
    )
    .argument('<folder>', 'what an export wrote')
    .requiredOption('--against <model>', 'the model that it was made from')
    .requiredOption('--task <name>', 'the XGLUE task that the model was trained for')
    .requiredOption('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option('--languages <codes>', 'the dev languages, as en,de,... (default: all there are)', listFlag)
    .option('--dev-limit <number>', 'the first so many dev examples of each language', numberFlag, 100)
    .option('--max-length <number>', "cut longer texts to so many tokens (default: the task's)", numberFlag)
    .option(
      '--allow <percent>',
      'how many percent of the predictions may differ (default: 1 for integers, 0.1 for floats)',
      numberFlag,
    )
    .addHelpText(
      'after',
      '\nEnds with exit code 1 where more predictions differ than may.\nExample:\n  sdq verify pos-int8 --against runs/pos/student --task POS --xglue data/xglue',
    )
    .action(async (folder, flags) => (await import('./verify-action.ts')).verifyAction(folder, flags));
}
