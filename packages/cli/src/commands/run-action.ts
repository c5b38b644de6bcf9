import { type KernelBackend, type Reporter, SdqError } from '@sdq/core';
import { type Results, scoreTable } from '@sdq/core/results';
import { fetchDefaultCheckpoint } from '@sdq/models';
import { loadPlugins, type Plugins, type RunOptions, resolveRunConfig, run } from '@sdq/pipeline';
import { reportPage } from '@sdq/report';
import { topicsFolder } from '@sdq/xglue';
import { NO_MODEL_YET, selectBackend } from '../backends/index.ts';
import {
  type CommonFlags,
  type ConfigFile,
  planFlag,
  pluginsIn,
  readConfigFile,
  type Weight,
  withFlags,
} from '../flags/index.ts';
import { duration, endWithParent, interruptible, TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq run`. */
export interface RunFlags extends CommonFlags {
  /** A JSON file of options; flags go before it. */
  readonly config?: string;
  readonly task?: string;
  readonly xglue?: string;
  readonly out?: string;
  readonly model?: string;
  readonly teacher?: string;
  readonly languages?: string[];
  readonly methods?: string[];
  readonly ptq?: string[];
  readonly plan?: string;
  readonly plugin?: string[];
  readonly seed?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly quantizedEpochs?: number;
  readonly quantizedLearningRate?: number;
  readonly tokensPerBatch?: number;
  readonly maxLength?: number;
  readonly calibrationBatches?: number;
  readonly trainLimit?: number;
  readonly devLimit?: number;
  readonly trainEmbeddings?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
  readonly temperature?: number;
  readonly teacherCache?: number;
  readonly checkpointSteps?: number;
  readonly tensorboard?: boolean;
  /** A folder for what runs of one teacher have in common. */
  readonly shared?: string;
  readonly losses?: Record<string, Weight>;
  readonly layers?: 'all' | 'last' | number[];
}

/** `sdq run`: the main job on a task of XGLUE. */
export async function runAction(given: RunFlags): Promise<Results> {
  endWithParent();
  const flags = { ...given };
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
  const plugins = await loadPlugins(flags.plugin ?? pluginsIn(file));
  // All that can be wrong with the options is found before the first download.
  const options = (model: string | undefined) =>
    resolveRunConfig(runOptions(file, flags, model, plugins), plugins);
  const { out } = options(NO_MODEL_YET);
  const model = hasModel(file, flags)
    ? undefined
    : await fetchDefaultCheckpoint({ report: (text) => reporter.message(text) });
  const backend = await selectBackend(flags.backend, reporter);
  reporter.message(`Running on ${backend.describe()}.`);
  limitBatches(flags, backend, reporter);
  const results = await interruptible(reporter, (signal) =>
    run(options(model), reporter, {
      backend: backend.describe(),
      signal,
      checkpointSteps: flags.checkpointSteps,
      tensorBoard: flags.tensorboard,
      shared: flags.shared,
      report: reportPage,
    }),
  );
  process.stdout.write(flags.json ? `${JSON.stringify(results)}\n` : `${summary(results, out)}\n`);
  return results;
}

/** `sdq distill`: SDQ from a teacher that is fine-tuned already, by a configuration file. */
export async function distillAction(config: string, flags: RunFlags): Promise<Results> {
  const file = readConfigFile(config);
  if (file.teacher === undefined && flags.teacher === undefined) {
    throw new SdqError(
      'bad-option',
      `${config} has no "teacher", a folder with a fine-tuned model: "sdq run" makes one.`,
    );
  }
  const methods = flags.methods ?? (file.methods === undefined ? ['sdq'] : undefined);
  return runAction({ ...flags, config, ...(methods && { methods }) });
}

function hasModel(file: ConfigFile, flags: RunFlags): boolean {
  return [file.model, file.teacher, flags.model, flags.teacher].some((folder) => folder !== undefined);
}

function limitBatches(
  flags: { tokensPerBatch?: number },
  { name, batchTokens }: KernelBackend,
  reporter: Reporter,
): void {
  if (batchTokens === undefined || flags.tokensPerBatch !== undefined) return;
  flags.tokensPerBatch = batchTokens;
  reporter.message(`Batches have ${batchTokens} tokens, since the memory of ${name} is small.`);
}

function distillation({ alpha, beta, temperature, losses, layers }: RunFlags) {
  return given({ logits: alpha, attention: beta, temperature, losses, layers });
}

function given<T extends object>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function runOptions(
  file: ConfigFile,
  flags: RunFlags,
  model: string | undefined,
  { quantizers }: Plugins,
): RunOptions {
  const shared = { tokensPerBatch: flags.tokensPerBatch };
  const options: ConfigFile = given({
    task: flags.task,
    data: flags.xglue,
    model: flags.model,
    teacher: flags.teacher,
    out: flags.out,
    languages: flags.languages,
    methods: flags.methods,
    ptq: flags.ptq,
    plan: flags.plan === undefined ? undefined : planFlag(flags.plan, quantizers),
    plugins: flags.plugin,
    seed: flags.seed,
    maxLength: flags.maxLength,
    calibrationBatches: flags.calibrationBatches,
    trainLimit: flags.trainLimit,
    devLimit: flags.devLimit,
    trainEmbeddings: flags.trainEmbeddings,
    teacherCache: flags.teacherCache === undefined ? undefined : { bytes: flags.teacherCache },
    finetune: given({ ...shared, epochs: flags.epochs, learningRate: flags.learningRate }),
    quantized: given({ ...shared, epochs: flags.quantizedEpochs, learningRate: flags.quantizedLearningRate }),
    distillation: distillation(flags),
  });
  const merged = withFlags(file, options);
  for (const [option, flag] of [
    ['task', '--task'],
    ['data', '--xglue'],
    ['out', '--out'],
  ] as const) {
    if (merged[option] === undefined) {
      throw new SdqError('bad-option', `Give ${flag}, or a --config file that has "${option}".`);
    }
  }
  requireUsedFlags(merged, flags);
  const { teacher } = merged;
  const start = model !== undefined && teacher === undefined ? { model } : {};
  return { ...start, ...merged } as RunOptions;
}

/** Flags that nothing would read are mistakes. */
function requireUsedFlags({ distillation, methods, teacher }: ConfigFile, flags: RunFlags): void {
  const { losses } = (distillation ?? {}) as { losses?: unknown };
  const weights = (['alpha', 'beta'] as const).filter((flag) => flags[flag] !== undefined);
  const read = Array.isArray(methods) && methods.includes('sdq-mse');
  if (losses !== undefined && weights.length > 0 && !read) {
    const place = flags.losses ? '--losses' : `"losses" in ${flags.config}`;
    throw new SdqError(
      'bad-option',
      `${place} replaces ${weights.map((flag) => `--${flag}`).join(' and ')}: write the weights there, as logit-kl=ALPHA,att-kld=BETA.`,
    );
  }
  if (flags.shared !== undefined && teacher === undefined) {
    throw new SdqError(
      'bad-option',
      '--shared keeps what runs of one given teacher have in common: give --teacher too.',
    );
  }
}

/** What a run found, for a person at a terminal. */
export function summary(results: Results, out: string): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const { fp32, ...small } = results.bytes;
  const sizes = Object.values(small).map(
    (bytes) => `quantized ${megabytes(bytes)} (${((100 * bytes) / fp32).toFixed(1)} %)`,
  );
  const { trainTokensPerSecond } = results;
  const memory = `peak memory ${megabytes(results.peakMemoryBytes)}; ${duration(results.seconds)} in all`;
  return [
    '',
    textTable(scoreTable(results.scores, results)),
    '',
    `Size on disk: fp32 ${megabytes(fp32)}, ${sizes.join(', ')}`,
    trainTokensPerSecond === null
      ? `Nothing was trained; ${memory}`
      : `Training: ${Math.round(trainTokensPerSecond)} tokens/s; ${memory}`,
    `Report: ${out}/report.html`,
    `Next: echo "your text" | sdq predict ${out}/student`,
  ].join('\n');
}

/** `sdq quickstart`: the main job on the project's own small topic set. */
export async function quickstartAction(flags: CommonFlags & { model?: string; out: string }): Promise<void> {
  await runAction({ ...QUICKSTART, ...flags, task: 'NC', xglue: topicsFolder() });
}

// Few passes in small batches: enough for 600 sentences, and minutes on two cores.
const QUICKSTART = { epochs: 2, quantizedEpochs: 1, tokensPerBatch: 512, calibrationBatches: 8 };
