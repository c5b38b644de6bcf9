import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SdqError } from '../errors.ts';
import { withRecipes } from './older-results.ts';
import type { Results } from './results.ts';

/** Results of a run have some 10 kB a language. */
const MAX_BYTES = 16 * 2 ** 20;

const scores = z.record(z.string(), z.number());

/** What readers rely on; the rest of the file is believed. */
const schema = z.looseObject({
  task: z.string(),
  scores: z.record(z.string(), scores).refine((versions) => 'fp32' in versions),
  bytes: z.looseObject({ fp32: z.number() }),
  seconds: z.number(),
  config: z.looseObject({ distillation: z.looseObject({}) }),
});

/**
 * The results of a finished run, from its folder.
 *
 * @throws SdqError `path-not-found` when the folder holds no results.json; `bad-data` when that is not what a run writes
 *
 * @example
 * ```ts
 * import { readResults } from '@sdq/core/results';
 *
 * const average = (folder: string) => readResults(folder).average.sdq;
 * ```
 */
export function readResults(folder: string): Results {
  const file = join(folder, 'results.json');
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new SdqError(
      'path-not-found',
      `${folder} holds no results.json: give the folder of a finished run.`,
    );
  }
  const broken = (cause?: unknown) =>
    new SdqError('bad-data', `${file} is not what a run writes: give the folder of a finished run.`, {
      cause,
    });
  if (size > MAX_BYTES) throw broken();
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw broken(cause);
  }
  const { error } = schema.safeParse(json);
  if (error) throw broken(error);
  return withRecipes(json as Results, folder);
}
