import { type RoleOf, SdqError, type Site } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { matchesSite, sitesOf } from '../plan/index.ts';
import {
  lookUpCentroids,
  type ProductQuantized,
  type ProductQuantizeOptions,
  productBytes,
  productQuantize,
  withInt8Centroids,
} from '../weights/index.ts';

/** A group of layers that is quantized in one stage. */
export interface PqStage {
  readonly name: string;
  /** Patterns as in the rules of a plan; a site that an earlier stage took stays there. */
  readonly match: readonly string[];
}

/** Feed-forward layers, then embeddings, then attention (Fan et al. 2020, section 7.11). */
export const PQ_STAGES: readonly PqStage[] = [
  { name: 'FFN', match: ['role:ffn-in', 'role:ffn-out'] },
  { name: 'embeddings', match: ['role:word-embedding'] },
  { name: 'attention', match: ['role:query', 'role:key', 'role:value', 'role:attention-output'] },
];

/** What a stage has so far, for training between the stages. */
export interface PqState {
  /** The centroids of each weight that is quantized so far, by parameter name: train these. */
  readonly centroids: ReadonlyMap<string, tf.Variable>;
  /** A parameter as the model is to use it: looked up from its centroids, or as it is. */
  parameter(name: string): tf.Tensor;
}

/** How {@link iterativeProductQuantize} runs. */
export interface IterativePqOptions {
  /** By default {@link PQ_STAGES}. */
  readonly stages?: readonly PqStage[];
  /** Of the model's family, which stages that name a role need, as those by default do. */
  readonly roleOf?: RoleOf;
  /** The options of a weight; undefined leaves it float. By default those of {@link productQuantize}. */
  readonly options?: (site: Site, shape: readonly [number, number]) => ProductQuantizeOptions | undefined;
  /** Runs after each stage: trains the centroids and what is still float, by distillation for instance. */
  readonly tune?: (stage: PqStage, state: PqState) => Promise<void> | void;
  /** Whether the finished centroids are put on an int8 grid. */
  readonly int8Centroids?: boolean;
}

/** What {@link iterativeProductQuantize} made. */
export interface IterativePqResult {
  /** By parameter name. */
  readonly weights: ReadonlyMap<string, ProductQuantized>;
  /** The bytes of the finished model: codebooks, indices, and all that stays float32. */
  readonly bytes: { readonly centroids: number; readonly indices: number; readonly floats: number };
}

/**
 * Product quantization group by group: what is quantized already is tuned, and what is still float adapts to it, before
 * the next group follows. With distillation as the tuning this is the paper's iterative product distilled quantization.
 *
 * Sources: Stock et al. 2020, "And the Bit Goes Down", section 3.3; O'Neill and Dutta 2023, section 4.
 *
 * @param parameters - by name; variables are read anew in each stage, so that tuning shows
 * @throws SdqError `bad-plan` when a stage matches no site; as {@link productQuantize}
 *
 * @example
 * ```ts
 * import { iterativeProductQuantize } from '@sdq/quantizers';
 * import * as tf from '@tensorflow/tfjs';
 *
 * const parameters = new Map([['a.weight', tf.tensor2d([[1, 2, 5, 6], [1, 2, 5, 6]])]]);
 * const { bytes } = await iterativeProductQuantize(parameters, {
 *   stages: [{ name: 'all', match: ['a'] }],
 *   options: () => ({ blockSize: 2, centroids: 2 }),
 * });
 * bytes; // { centroids: 16, indices: 1, floats: 0 }
 * ```
 */
export async function iterativeProductQuantize(
  parameters: ReadonlyMap<string, tf.Tensor>,
  options: IterativePqOptions = {},
): Promise<IterativePqResult> {
  const {
    stages = PQ_STAGES,
    options: optionsOf = () => ({}),
    tune,
    roleOf,
    int8Centroids = false,
  } = options;
  const quantized = new Map<string, ProductQuantized>();
  const centroids = new Map<string, tf.Variable>();
  const state: PqState = {
    centroids,
    parameter(name) {
      const found = quantized.get(name);
      if (found) return lookUpCentroids(centroids.get(name)!, found.codes, found.shape);
      const tensor = parameters.get(name);
      if (!tensor) throw new SdqError('missing-tensor', `The model has no parameter "${name}".`);
      return tensor;
    },
  };
  try {
    for (const stage of stages) {
      let matched = false;
      for (const site of sitesOf(parameters)) {
        if (!stage.match.some((pattern) => matchesSite(pattern, site, roleOf))) continue;
        matched = true;
        const name = `${site}.weight`;
        const tensor = parameters.get(name)!;
        const shape = tensor.shape as [number, number];
        const chosen = quantized.has(name) ? undefined : optionsOf(site, shape);
        if (!chosen) continue;
        const made = productQuantize(tensor.dataSync(), shape, chosen, site);
        quantized.set(name, made);
        const count = made.centroids.length / made.blockSize;
        centroids.set(
          name,
          tf.tidy(() => tf.variable(tf.tensor2d(made.centroids, [count, made.blockSize]))),
        );
      }
      if (!matched) {
        throw new SdqError(
          'bad-plan',
          `The stage "${stage.name}" (${stage.match.join(', ')}) matches no site.`,
        );
      }
      await tune?.(stage, state);
    }
    const weights = new Map(
      [...quantized].map(([name, made]) => {
        const tuned = { ...made, centroids: Float32Array.from(centroids.get(name)!.dataSync()) };
        return [name, int8Centroids ? withInt8Centroids(tuned) : tuned] as const;
      }),
    );
    const bytes = { centroids: 0, indices: 0, floats: 0 };
    for (const [name, tensor] of parameters) {
      const made = weights.get(name);
      if (!made) bytes.floats += 4 * tensor.size;
      else {
        const own = productBytes(made);
        bytes.centroids += own.centroids;
        bytes.indices += own.indices;
      }
    }
    return { weights, bytes };
  } finally {
    for (const variable of centroids.values()) variable.dispose();
  }
}
