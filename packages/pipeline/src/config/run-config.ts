import { SdqError } from '@sdq/core';
import { METHOD_KEYS, methodNamed, takesLosses } from '@sdq/core/results';
import { createPlan } from '@sdq/quantizers';
import { TRAINING_DEFAULTS, trainingRecipe } from '@sdq/trainer';
import { z } from 'zod';
import { distillationOf } from './distillation.ts';
import { distillationConfig } from './distillation-config.ts';
import { nearestName } from './nearest-name.ts';
import { NO_PLUGINS, type Plugins } from './plugins.ts';
import { canBeSaved } from './ptq-choice.ts';
import { defaultPtqRecipes, ptqRecipesFor } from './ptq-recipe.ts';

const noise = z.strictObject({
  share: z.number().min(0).max(1),
  blockSize: z.int().min(1),
});

const folder = z.string().min(1, 'it is empty, and should name a folder');

const runConfig = z.strictObject({
  /** The XGLUE task. */
  task: z.string(),
  /** The folder that holds the tasks' folders (NC/, POS/, ...). */
  data: folder,
  /** The checkpoint folder to start from. */
  model: folder,
  /** A folder with a model that is fine-tuned for the task already, the teacher; absent: `model` is fine-tuned. */
  teacher: folder.optional(),
  /** The run folder. */
  out: folder,
  seed: z.int().min(0).max(0xffff_ffff),
  methods: z.array(z.enum(METHOD_KEYS)).min(1),
  /** The recipes of PTQ, by their canonical names; absent where `ptq` is not in `methods`. */
  ptq: z.array(z.string()).min(1).optional(),
  /** The dev languages to evaluate; absent: all that the data has. */
  languages: z.array(z.string()).optional(),
  /** Longer texts are cut to this many tokens. */
  maxLength: z.int().min(8).max(8192),
  /** Use at most so many training examples, or dev examples a language: the first ones. */
  trainLimit: z.int().min(1).optional(),
  devLimit: z.int().min(1).optional(),
  /** The name of a plan, or the rules of one. */
  plan: z.union([
    z.string(),
    z
      .array(
        z.strictObject({
          match: z.string(),
          weight: z.string().optional(),
          activationBits: z.int().min(2).max(8).optional(),
          activationScheme: z.enum(['asymmetric', 'symmetric', 'per-token']).optional(),
        }),
      )
      .min(1),
  ]),
  /** The modules of plug-ins: folders or files, as ./my-plugin, or installed packages. */
  plugins: z.array(z.string()).min(1).optional(),
  calibrationBatches: z.int().min(1).max(10_000),
  trainEmbeddings: z.boolean(),
  /** How the fp32 teacher is fine-tuned. */
  finetune: trainingRecipe.extend({
    /** Quantizes a random share of each weight's blocks in each step, so that the teacher bears it; absent: none. */
    noise: noise.optional(),
  }),
  /** How QAT and SDQ train the quantized student. */
  quantized: trainingRecipe.extend({
    /** The share of the steps in which moving averages set the ranges of activations; then the ranges stay as they are. */
    observerShare: z.number().min(0).max(1),
  }),
  /** Of `qnat` and `qnat-sdq`: the share of each weight's blocks that a step quantizes, and how many inputs a block has. */
  noise,
  /** Of `ipq` and `ipq-sdq`: how many neighbouring inputs make a block, and how many different blocks a weight may have. */
  products: z.strictObject({
    blockSize: z.int().min(1).max(64),
    centroids: z.int().min(2).max(256),
  }),
  /** Keeps what the teacher shows in a file of at most so many bytes; absent: it is computed in every step. */
  teacherCache: z
    .strictObject({
      bytes: z.int().min(1),
      /** fp16 halves the size; the signal is rounded to it. */
      type: z.enum(['fp16', 'fp32']),
    })
    .optional(),
  distillation: distillationConfig,
});

/** All that decides a run's result. */
export type RunConfig = z.infer<typeof runConfig>;

/** What a user may leave out of a {@link RunConfig}. */
export type RunOptions = Pick<RunConfig, 'task' | 'data' | 'out'> & {
  readonly [K in keyof RunConfig]?: RunConfig[K] extends object | undefined
    ? RunConfig[K] extends readonly unknown[] | undefined
      ? RunConfig[K]
      : Partial<RunConfig[K]>
    : RunConfig[K];
};

const FINETUNE_EPOCHS: Record<string, number> = { MLQA: 3, NC: 5, NER: 2, PAWSX: 4, POS: 2, XNLI: 3 };
const QUANTIZED_EPOCHS: Record<string, number> = { MLQA: 1, NC: 3, NER: 1, PAWSX: 1, POS: 1, XNLI: 1 };

const DEFAULT_WEIGHTS = { logits: 10, attention: 1000 } as const;

/** To how many tokens the texts of a task are cut, if nothing else is asked for. */
export function defaultMaxLength(task: string): number {
  return task === 'MLQA' ? 384 : 256;
}

/**
 * To how many tokens a model's texts are cut: as many as were asked for, or the task's default, and no more than the
 * model takes.
 *
 * @param limit - the most tokens that the model takes
 */
export function textLength(task: string, asked: number | undefined, limit: number): number {
  return Math.min(asked ?? defaultMaxLength(task), limit);
}

/**
 * The whole configuration of a run: what the options say, and the defaults of the task for the rest.
 *
 * @param plugins - what the plug-ins that the options name bring: {@link loadPlugins}
 * @throws SdqError as `createPlan` of `@sdq/quantizers` where PTQ is asked for; `bad-option` that names the option, and for one that does not exist the nearest that does; `unknown-name` for an unknown distillation loss
 *
 * @example
 * ```ts
 * import { resolveRunConfig } from '@sdq/pipeline';
 *
 * resolveRunConfig({ task: 'POS', data: 'xglue', model: 'e5', out: 'runs/pos' }).finetune.epochs; // 2
 * ```
 */
export function resolveRunConfig(options: RunOptions, plugins: Plugins = NO_PLUGINS): RunConfig {
  const parsed = runConfig.safeParse({
    seed: 0,
    methods: ['ptq', 'qat', 'sdq'],
    maxLength: defaultMaxLength(options.task),
    plan: 'w8a8',
    calibrationBatches: 24,
    trainEmbeddings: false,
    model: options.teacher,
    ...options,
    finetune: {
      ...TRAINING_DEFAULTS,
      epochs: FINETUNE_EPOCHS[options.task] ?? 3,
      learningRate: 1e-4,
      dropout: 0.1,
      ...options.finetune,
    },
    quantized: {
      ...TRAINING_DEFAULTS,
      epochs: QUANTIZED_EPOCHS[options.task] ?? 1,
      learningRate: 2e-5,
      dropout: 0,
      observerShare: 1,
      ...options.quantized,
    },
    noise: { share: 0.5, blockSize: 8, ...options.noise },
    products: { blockSize: 8, centroids: 256, ...options.products },
    ...(options.teacherCache && { teacherCache: { type: 'fp16', ...options.teacherCache } }),
    distillation: { task: 1, ...DEFAULT_WEIGHTS, temperature: 1, ...options.distillation },
  });
  if (!parsed.success) throw optionError(parsed.error.issues[0]!);
  const config = parsed.data;
  distillationOf('sdq', config.distillation, plugins.losses);
  requireUsedWeights(config);
  return { ...config, ...ptqOption(config, plugins) };
}

/** The recipes of PTQ, checked and by their canonical names. */
function ptqOption(
  { methods, plan: named, ptq: asked }: RunConfig,
  plugins: Plugins,
): Pick<RunConfig, 'ptq'> {
  if (!methods.includes('ptq')) {
    if (asked === undefined) return {};
    throw new SdqError('bad-option', 'The option ptq names recipes, but "ptq" is not in methods: add it.');
  }
  const plan = createPlan(named, plugins.quantizers);
  const ptq = ptqRecipesFor(plan, asked ?? defaultPtqRecipes(plan));
  if (methods.length === 1 && !ptq.some(canBeSaved)) {
    throw new SdqError(
      'bad-option',
      'The run would have no model to save, since none can hold what SmoothQuant does to inputs: add another recipe to ptq, or another of methods.',
    );
  }
  return { ptq };
}

/** Losses replace the two weights, so that other weights than the defaults beside them are a mistake. */
function requireUsedWeights({ methods, distillation }: RunConfig): void {
  const { losses } = distillation;
  // sdq-mse reads the weights.
  if (!losses || methods.map(methodNamed).some((method) => method.distils && !takesLosses(method))) return;
  const unused = (['logits', 'attention'] as const).filter(
    (key) => distillation[key] !== DEFAULT_WEIGHTS[key],
  );
  if (unused.length === 0) return;
  throw new SdqError(
    'bad-option',
    `distillation.losses (--losses) replaces ${unused.map((key) => `distillation.${key} (${FLAGS[key]})`).join(' and ')}: give the weights as those of logit-kl and att-kld in losses.`,
  );
}

const FLAGS = { logits: '--alpha', attention: '--beta' } as const;

function optionError(issue: z.core.$ZodIssue): SdqError {
  const place = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys as [string];
    const nearest = nearestName(key, knownKeys(issue.path));
    const name = (last: string) => (place === '' ? last : `${place}.${last}`);
    return new SdqError(
      'bad-option',
      `There is no option "${name(key)}"${nearest ? `: did you mean "${name(nearest)}"?` : '.'}`,
    );
  }
  return new SdqError('bad-option', `The option ${place || 'of the run'} is wrong: ${issue.message}.`);
}

/** The names of the options under a path of the configuration. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = runConfig;
  for (const key of path) {
    if (schema instanceof z.ZodOptional) schema = schema.unwrap();
    schema = schema instanceof z.ZodObject ? schema.shape[key as string] : undefined;
  }
  if (schema instanceof z.ZodOptional) schema = schema.unwrap();
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
