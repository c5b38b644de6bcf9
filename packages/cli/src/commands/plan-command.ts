import type { Command } from 'commander';
import { bytesFlag, modelFlags, numberFlag, numbersFlag, PLAN_HELP, PLUGIN_FLAG } from '../flags/index.ts';

/** Adds `sdq plan`. */
export function planCommand(sdq: Command): void {
  modelFlags(sdq.command('plan'))
    .description('print what a plan does to every site of a model, or choose bits under a budget of bytes')
    .argument('<model>', 'a checkpoint folder; with --budget a fine-tuned one')
    .option('--plan <name>', PLAN_HELP, 'w8a8')
    .option(...PLUGIN_FLAG)
    .option('--budget <bytes>', 'choose the bits of each weight so that the model fits, as 20MB', bytesFlag)
    .option('--bits <list>', 'the bits that a weight may get (default: 8,4,3,2)', numbersFlag)
    .option('--task <name>', 'the XGLUE task whose texts show the error')
    .option('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option('--batches <number>', 'batches of 1,024 tokens to measure on (default: 1)', numberFlag)
    .option('--max-length <number>', "cut longer texts to so many tokens (default: the task's)", numberFlag)
    .option('--out <file>', 'write the plan there, for sdq run --plan')
    .addHelpText(
      'after',
      '\nExample:\n  sdq plan runs/pos/teacher --budget 60MB --task POS --xglue data/xglue --out plan.json',
    )
    .action(async (model, flags) => (await import('./plan-action.ts')).planAction(model, flags));
}
