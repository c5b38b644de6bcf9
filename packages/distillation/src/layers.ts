import { type EncoderShape, SdqError } from '@sdq/core';

/**
 * Which layers a loss compares: all, each model's own last one, or those of these numbers, from 0, in both models.
 */
export type LayerSelection = 'all' | 'last' | readonly number[];

/** The option of every loss that reads taps of layers. */
export interface LayerOptions {
  readonly layers?: LayerSelection | undefined;
}

/** Throws SdqError `bad-option` unless a list of layers has whole numbers from 0, each once. */
export function requireLayers(loss: string, layers: LayerSelection): void {
  if (typeof layers === 'string') return;
  const good = layers.every((layer) => Number.isInteger(layer) && layer >= 0);
  if (layers.length === 0 || !good || new Set(layers).size < layers.length) {
    throw new SdqError(
      'bad-option',
      `The layers [${layers.join(', ')}] of ${loss} are not different whole numbers from 0.`,
    );
  }
}

/** The numbers of the layers that are compared in a model. */
export function selectedLayers(layers: LayerSelection, model: EncoderShape): readonly number[] {
  if (layers === 'all') return Array.from({ length: model.layers }, (_, i) => i);
  return layers === 'last' ? [model.layers - 1] : layers;
}

/** What keeps the layers of two models from being compared, as what would have to be so. */
export function layerObstacle(
  layers: LayerSelection,
  teacher: EncoderShape,
  student: EncoderShape,
): string | undefined {
  if (layers === 'last') return undefined;
  if (layers === 'all') {
    return teacher.layers === student.layers
      ? undefined
      : 'as many layers in both, or the last or a list of layers for it';
  }
  const missing = layers.find((layer) => layer >= Math.min(teacher.layers, student.layers));
  return missing === undefined ? undefined : `a layer ${missing} in both, counted from 0`;
}
