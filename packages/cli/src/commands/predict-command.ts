import type { Command } from 'commander';
import { modelFlags } from '../flags/index.ts';

/** Adds `sdq predict`. */
export function predictCommand(sdq: Command): void {
  modelFlags(sdq.command('predict'))
    .description(
      'label each line of standard input with a saved model; a tab divides the texts of a pair, or a question and the context to answer it from',
    )
    .argument('<model>', "a model folder: a run's teacher or student")
    .addHelpText(
      'after',
      '\nExample:\n  echo "The striker scored twice." | sdq predict runs/quickstart/student',
    )
    .action(async (model, flags) => (await import('./predict-action.ts')).predictAction(model, flags));
}
