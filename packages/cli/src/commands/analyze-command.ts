import type { Command } from 'commander';
import { listFlag, modelFlags, numberFlag, PLAN_HELP, PLUGIN_FLAG } from '../flags/index.ts';

/** Adds `sdq analyze`. */
export function analyzeCommand(sdq: Command): void {
  modelFlags(sdq.command('analyze'))
    .description("where quantization loses what: each tensor's error, its own and accumulated; sensitivity")
    .argument('<folder>', 'a run, whose student is compared with its teacher too, or a fine-tuned model')
    .option('--task <name>', "the XGLUE task (default: the run's)")
    .option('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option('--plan <name>', `${PLAN_HELP} (default: the run's, or w8a8)`)
    .option(...PLUGIN_FLAG)
    .option('--languages <codes>', 'the dev languages to measure on (default: all there are)', listFlag)
    .option('--dev-limit <number>', 'so many dev examples of each language', numberFlag, 8)
    .option('--calibration-batches <number>', 'batches of 1,024 tokens that set ranges', numberFlag, 8)
    .option('--max-length <number>', "cut longer texts to so many tokens (default: the task's)", numberFlag)
    .option('--sensitivity', 'measure the sensitivity to each site too: two passes over the texts a site')
    .option(
      '--out <folder>',
      'write analysis.json and analysis.html there (default: into the run and its report)',
    )
    .addHelpText('after', '\nExample:\n  sdq analyze runs/pos --sensitivity')
    .action(async (folder, flags) => (await import('./analyze-action.ts')).analyzeAction(folder, flags));
}
