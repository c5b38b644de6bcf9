import { type ModelFamily, type SdqError, unknownName } from '@sdq/core';
import { bert } from './bert.ts';
import { xlmRoberta } from './xlm-roberta.ts';

const families: readonly ModelFamily[] = [bert, xlmRoberta];

/**
 * The family of a name.
 *
 * @throws SdqError 'unknown-name' when there is no such family
 */
export function familyOf(name: string): ModelFamily {
  const family = families.find((candidate) => candidate.name === name);
  if (family === undefined) throw unknownFamily(name);
  return family;
}

/**
 * The family that a config.json describes.
 *
 * @param modelType - its `model_type`, for the error
 * @throws SdqError 'unknown-name' when no family matches
 */
export function matchingFamily(configJson: unknown, modelType: string): ModelFamily {
  const family = families.find((candidate) => candidate.matches(configJson));
  if (family === undefined) throw unknownFamily(modelType);
  return family;
}

function unknownFamily(name: string): SdqError {
  return unknownName(
    'model family',
    name,
    families.map((known) => known.name),
  );
}
