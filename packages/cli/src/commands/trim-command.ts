import type { Command } from 'commander';
import { listFlag, numberFlag } from '../flags/index.ts';

/** Adds `sdq trim`. */
export function trimCommand(sdq: Command): void {
  sdq
    .command('trim')
    .description(
      'cut the vocabulary of a model to the pieces that some languages need; the rest stays as it is',
    )
    .argument('<model>', "a model folder, fp32 or quantized: a checkpoint, or a run's teacher or student")
    .requiredOption(
      '--languages <codes>',
      'as en,de,...: every single character of their scripts stays',
      listFlag,
    )
    .requiredOption(
      '--corpus <files...>',
      'text files, a text a line, whose pieces stay; {lg} in a name stands for each language',
    )
    .requiredOption('--out <folder>', 'the folder to write')
    .option(
      '--max-pieces <number>',
      'keep so many pieces, those needed most (default: all that occur)',
      numberFlag,
    )
    .option('--force', 'replace the folder if a trim wrote it')
    .option('--quiet', 'show no progress')
    .option('--json', 'print JSON on standard output')
    .addHelpText(
      'after',
      "\nExample:\n  sdq trim runs/pos/student --languages en,de --corpus 'text/{lg}.txt' --out pos-en-de",
    )
    .action(async (model, flags) => (await import('./trim-action.ts')).trimAction(model, flags));
}
