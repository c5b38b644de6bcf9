/** The name of a method, as a run's configuration lists it. */
export type MethodKey = 'ptq' | 'qat' | 'qnat' | 'ipq' | 'sdq' | 'sdq-mse' | 'qnat-sdq' | 'ipq-sdq';

/** The weight of a loss, or a ramp of weights over the training. */
type Weight = number | { readonly from: number; readonly to: number; readonly until?: number | undefined };

/** What is distilled; files of older runs may lack parts of it. */
interface Distillation {
  readonly task?: number;
  readonly logits?: number;
  readonly attention?: number;
  readonly temperature?: number;
  readonly losses?: Readonly<Record<string, Weight>> | undefined;
}

/** What the labels and sentences of a method depend on; files of older runs may lack parts of it. */
export interface MethodConfig {
  readonly distillation: Distillation;
  readonly noise?: { readonly share: number; readonly blockSize: number };
  readonly products?: { readonly blockSize: number; readonly centroids: number };
}

type Distils = (config: Distillation) => Readonly<Record<string, Weight | undefined>>;

/** One way to make a quantized student of the fp32 teacher: all that differs between methods. */
export interface Method {
  /** Its name in the `methods` of a configuration. */
  readonly key: MethodKey;
  /** The key of what it makes in `results.json`; `ptq` has one for each recipe besides. */
  readonly version: string;
  /**
   * How weights are trained: not at all; quantized in every step; with random blocks quantized in every step (Quant-Noise); or
   * group by group as codebooks (product quantization).
   */
  readonly weights: 'none' | 'steps' | 'noise' | 'products';
  /** The losses that it distils, by name, and their weights; absent: it learns the task alone. */
  readonly distils?: Distils;
  /** What tables call its student. */
  readonly label: (config: MethodConfig) => string;
  /** How its student was made, as a clause that follows "The fp32 model was", for model cards. */
  readonly made: (config: MethodConfig) => string;
  /** The versions that a sweep tests it against; `ptq` stands for every recipe. */
  readonly baselines: readonly string[];
  /** Of the methods of a run, the student of the one with the largest rank is saved. */
  readonly rank: number;
}

const PAPERS = {
  sdq: "[O'Neill and Dutta 2023](https://arxiv.org/abs/2307.05972)",
  noise: '[Fan et al. 2021](https://arxiv.org/abs/2004.07320)',
  products: '[Stock et al. 2020](https://arxiv.org/abs/1907.05686)',
};

/** The losses of the configuration, or else the divergence of logits and what compares attention outputs. */
const losses: Distils = ({ losses, logits, attention }) =>
  losses ?? { 'logit-kl': logits, 'att-kld': attention };

const squaredLosses: Distils = ({ logits, attention }) => ({ 'logit-kl': logits, 'att-mse': attention });

/** Whether a method distils the losses of the configuration where there are some. */
export function takesLosses({ distils }: Method): boolean {
  return distils !== undefined && Object.hasOwn(distils({ losses: { some: 1 } }), 'some');
}

/** The methods, in the order of tables. */
export const METHODS: readonly Method[] = [
  {
    key: 'ptq',
    version: 'ptq',
    weights: 'none',
    label: () => 'PTQ',
    made: () => 'quantized after training (PTQ)',
    baselines: [],
    rank: 0,
  },
  {
    key: 'qat',
    version: 'qat',
    weights: 'steps',
    label: () => 'QAT',
    made: () => 'trained on with simulated quantization (QAT)',
    baselines: ['fp32', 'ptq'],
    rank: 1,
  },
  {
    key: 'qnat',
    version: 'qnat',
    weights: 'noise',
    label: () => 'QNAT (Quant-Noise)',
    made: noisy,
    baselines: ['fp32', 'ptq', 'qat'],
    rank: 3,
  },
  {
    key: 'ipq',
    version: 'ipq',
    weights: 'products',
    label: () => 'iPQ',
    made: asProducts,
    baselines: ['fp32'],
    rank: 2,
  },
  {
    key: 'sdq',
    version: 'sdq',
    weights: 'steps',
    distils: losses,
    label: ({ distillation }) => `SDQ${lossLabel(losses, distillation)}`,
    made: ({ distillation }) => distilled('trained on with simulated quantization', losses, distillation),
    baselines: ['fp32', 'ptq', 'qat', 'qnat'],
    rank: 7,
  },
  {
    key: 'sdq-mse',
    version: 'sdqMse',
    weights: 'steps',
    distils: squaredLosses,
    label: ({ distillation }) => `SDQ${lossLabel(squaredLosses, distillation)}`,
    made: ({ distillation }) =>
      distilled('trained on with simulated quantization', squaredLosses, distillation),
    baselines: ['fp32', 'ptq', 'qat', 'qnat', 'sdq'],
    rank: 6,
  },
  {
    key: 'qnat-sdq',
    version: 'qnatSdq',
    weights: 'noise',
    distils: losses,
    label: ({ distillation }) => `QNAT + SDQ${lossLabel(losses, distillation)}`,
    made: (config) => distilled(noisy(config), losses, config.distillation),
    baselines: ['fp32', 'ptq', 'qnat'],
    rank: 5,
  },
  {
    key: 'ipq-sdq',
    version: 'ipqSdq',
    weights: 'products',
    distils: losses,
    label: ({ distillation }) => `iPQ + SDQ${lossLabel(losses, distillation)}`,
    made: (config) => distilled(asProducts(config), losses, config.distillation),
    baselines: ['fp32', 'ipq'],
    rank: 4,
  },
];

/** The names of the methods. */
export const METHOD_KEYS: readonly MethodKey[] = METHODS.map(({ key }) => key);

/** The method of that name. */
export function methodNamed(key: MethodKey): Method {
  return METHODS.find((method) => method.key === key)!;
}

/** The method that makes a version of a run's results; undefined for `fp32` and versions that are not known. */
export function methodOfVersion(version: string): Method | undefined {
  return METHODS.find((method) => method.version === (ptqRecipe(version) === undefined ? version : 'ptq'));
}

/** Which PTQ version of a run is the best, and what says so. */
export interface PtqChoice {
  /** The version whose logits are closest to the fp32 model's on training text that is held out. */
  readonly best: string;
  /** The mean squared difference of logits there, by version; runs of older releases lack it. */
  readonly distances: Readonly<Record<string, number>>;
}

/** The stage that makes a recipe's version, and that version's key in `results.json`. */
export function ptqVersion(recipe: string): string {
  return `ptq-${recipe}`;
}

/** What older runs call two recipes of PTQ. */
export const OLD_RECIPES: Readonly<Record<string, string>> = {
  ptqMinMax: 'min-max',
  ptqPercentile: 'percentile',
};

/** The recipe of a version that PTQ made, as `percentile` of `ptq-percentile`; undefined for other versions. */
export function ptqRecipe(version: string): string | undefined {
  return version.startsWith('ptq-') ? version.slice('ptq-'.length) : OLD_RECIPES[version];
}

/**
 * What a version is called in a run's tables: its method, and what the run's configuration says that it distilled.
 *
 * @example
 * ```ts
 * import { versionLabel } from '@sdq/core/results';
 *
 * const distillation = { task: 1, logits: 10, attention: 1000, temperature: 1 };
 * versionLabel('qnatSdq', { distillation }); // 'QNAT + SDQ (Att-KLD)'
 * ```
 */
export function versionLabel(version: string, config: MethodConfig): string {
  if (version === 'fp32') return 'fp32 teacher';
  const method = methodOfVersion(version);
  if (!method) return version;
  const recipe = ptqRecipe(version);
  return recipe === undefined ? method.label(config) : `${method.label(config)} ${recipe}`;
}

/** As {@link versionLabel}; says of the best of several PTQ versions that it is that. */
export function markedLabel(
  version: string,
  { config, ptq }: { readonly config: MethodConfig; readonly ptq?: PtqChoice | undefined },
): string {
  // Runs of older releases had two, and kept no distances.
  const several = ptq !== undefined && Object.keys(ptq.distances).length !== 1;
  return `${versionLabel(version, config)}${several && version === ptq.best ? ' (best PTQ)' : ''}`;
}

/** The versions that have scores, in the order of tables: fp32, PTQ's recipes, the other methods. `ptq` repeats a recipe. */
export function scoredVersions(scores: Readonly<Record<string, unknown>>): string[] {
  const order = ['ptq', ...METHODS.flatMap(({ version }) => (version === 'ptq' ? [] : [version]))];
  const place = (version: string) => order.indexOf(ptqRecipe(version) === undefined ? version : 'ptq');
  const known = Object.keys(scores).filter((version) => version !== 'ptq' && place(version) >= 0);
  return [...('fp32' in scores ? ['fp32'] : []), ...known.sort((a, b) => place(a) - place(b))];
}

/** The names of the losses that weigh anything; undefined where the file of an older run does not say. */
function lossNames(distils: Distils, config: Distillation) {
  const weights = Object.entries(distils(config));
  const isUsed = (weight: Weight) =>
    (typeof weight === 'number' ? weight : Math.max(weight.from, weight.to)) > 0;
  return weights.some(([, weight]) => weight === undefined)
    ? undefined
    : weights.filter(([, weight]) => isUsed(weight!)).map(([name]) => name);
}

/** The losses of the paper, which the logits' divergence goes with. */
const PAPER_LOSSES: Readonly<Record<string, string>> = { 'att-kld': 'Att-KLD', 'att-mse': 'Att-MSE' };

function paperLoss(names: readonly string[]): string | undefined {
  const [attention, ...others] = names.filter((name) => name !== 'logit-kl');
  if (attention === undefined || others.length > 0 || names.length === 1) return undefined;
  return PAPER_LOSSES[attention];
}

function lossLabel(distils: Distils, config: Distillation): string {
  const names = lossNames(distils, config);
  if (names === undefined) return '';
  return ` (${paperLoss(names) ?? (names.join(', ') || 'no losses')})`;
}

function distilled(how: string, distils: Distils, config: Distillation): string {
  const names = lossNames(distils, config);
  const paper = names && paperLoss(names);
  const teaching =
    names === undefined
      ? 'teaches its quantized copy'
      : names.length === 0
        ? 'teaches its quantized copy by losses of weight 0'
        : paper
          ? `teaches its quantized copy its logits and its attention outputs (${paper})`
          : `teaches its quantized copy by the ${names.length === 1 ? 'loss' : 'losses'} ${names.join(', ')}`;
  return `${how}, by self-distilled quantization: the fp32 model ${teaching} (${PAPERS.sdq})`;
}

function noisy({ noise }: MethodConfig): string {
  const what = noise
    ? `${100 * noise.share} % of the blocks of ${noise.blockSize} inputs of each weight`
    : 'random blocks of each weight';
  return `trained on with ${noise ? 'a random ' : ''}${what} quantized in each step (Quant-Noise; ${PAPERS.noise})`;
}

function asProducts({ products }: MethodConfig): string {
  const what = products
    ? `, at most ${products.centroids} different blocks of ${products.blockSize} inputs a weight`
    : '';
  return `turned into codebooks group by group, with training in between (iterative product quantization${what}; ${PAPERS.products})`;
}
