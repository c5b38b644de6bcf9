import type { Command } from 'commander';
import { listFlag, modelFlags, numberFlag } from '../flags/index.ts';

/** Adds `sdq evaluate`. */
export function evaluateCommand(sdq: Command): void {
  modelFlags(sdq.command('evaluate'))
    .description('score a saved model in every language of a task, with intervals; compare it with another')
    .argument('<model>', "a model folder: a run's teacher or student, or what an export wrote")
    .requiredOption('--task <name>', 'the XGLUE task that the model was trained for')
    .requiredOption('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option('--split <name>', 'what to score: dev, test or train', 'dev')
    .option('--languages <codes>', 'the languages to score, as en,de,... (default: all there are)', listFlag)
    .option('--against <model>', 'the model from before: test which languages lost or gained significantly')
    .option('--out <folder>', 'also write evaluation.json, evaluation.html and the prediction files there')
    .option('--dev-limit <number>', 'score only the first so many dev examples of each language', numberFlag)
    .option('--max-length <number>', "cut longer texts to so many tokens (default: the task's)", numberFlag)
    .addHelpText(
      'after',
      '\nExample:\n  sdq evaluate runs/pos/student --against runs/pos/teacher --task POS --xglue data/xglue',
    )
    .action(async (model, flags) => (await import('./evaluate-action.ts')).evaluateAction(model, flags));
}
