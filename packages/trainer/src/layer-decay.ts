/**
 * How much each parameter's learning rate is scaled when a layer learns `decay` times as fast as the layer above it: the
 * head and pooler at the full rate, the embeddings slowest.
 *
 * Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.2
 * (discriminative fine-tuning); Clark et al. 2020, "ELECTRA", appendix B, for transformers.
 *
 * @param names - of all parameters, as in the checkpoint
 * @param decay - in (0, 1]
 *
 * @example
 * ```ts
 * import { layerRates } from '@sdq/trainer';
 *
 * const names = ['embeddings.LayerNorm.bias', 'encoder.layer.0.output.dense.bias', 'classifier.bias'];
 * layerRates(names, 0.5)('encoder.layer.0.output.dense.bias'); // 0.5
 * ```
 */
export function layerRates(names: Iterable<string>, decay: number): (name: string) => number {
  const layers = Math.max(-1, ...[...names].map((name) => layerOf(name) ?? -1)) + 1;
  return (name) => {
    const height = name.startsWith('embeddings.') ? 0 : 1 + (layerOf(name) ?? layers);
    return decay ** (1 + layers - height);
  };
}

function layerOf(name: string): number | undefined {
  const [, layer] = /^encoder\.layer\.(\d+)\./.exec(name) ?? [];
  return layer === undefined ? undefined : Number(layer);
}
