import { partOf, type RoleOf } from '@sdq/core';

/**
 * How much each parameter's learning rate is scaled when a layer learns `decay` times as fast as the layer above it: the
 * head and pooler at the full rate, the embeddings slowest.
 *
 * Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.2
 * (discriminative fine-tuning); Clark et al. 2020, "ELECTRA", appendix B, for transformers.
 *
 * @param names - of all parameters
 * @param decay - in (0, 1]
 * @param roleOf - of the model's family
 *
 * @example
 * ```ts
 * import { layerRates } from '@sdq/trainer';
 *
 * const roles = { 'norm.bias': 'norm', 'up.bias': 'ffn-in', 'classifier.bias': 'head' } as const;
 * const names = Object.keys(roles) as (keyof typeof roles)[];
 * const roleOf = (name: string) => ({
 *   role: roles[name as keyof typeof roles],
 *   layer: name === 'up.bias' ? 0 : undefined,
 * });
 * names.map(layerRates(names, 0.5, roleOf)); // [0.25, 0.5, 1]
 * ```
 */
export function layerRates(names: Iterable<string>, decay: number, roleOf: RoleOf): (name: string) => number {
  const layers = Math.max(-1, ...[...names].map((name) => roleOf(name)?.layer ?? -1)) + 1;
  return (name) => {
    const place = roleOf(name);
    const heights = { embeddings: 0, layers: 1 + (place?.layer ?? 0), head: 1 + layers };
    return decay ** (1 + layers - heights[partOf(place)]);
  };
}
