import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LanguageScores } from '@sdq/core/results';
import { modelHash, writeFileAtomically } from '@sdq/models';
import { type Dataset, devSetHash } from '../data/index.ts';
import { copyPredictions } from '../evaluation/index.ts';

/** What decides the scores of a teacher. */
export interface TeacherScoring {
  /** The folder of the model that is scored. */
  readonly teacher: string;
  readonly dataset: Dataset;
  /** Another backend may round otherwise. */
  readonly backend: string;
}

/**
 * The scores of a teacher, and in the run's folder its predictions: those that a run before kept in the shared folder, if it
 * scored the same weights on the same dev examples; otherwise what `score` finds, which is kept there.
 */
export async function sharedScores(
  shared: string,
  scoring: TeacherScoring,
  runFolder: string,
  score: () => Promise<LanguageScores>,
): Promise<LanguageScores> {
  const folder = join(shared, `fp32-${await keyOf(scoring)}`);
  // Written last: where it is, the predictions are whole.
  const file = join(folder, 'scores.json');
  if (existsSync(file)) {
    copyPredictions(folder, runFolder, 'fp32');
    return JSON.parse(readFileSync(file, 'utf8')) as LanguageScores;
  }
  const scores = await score();
  copyPredictions(runFolder, folder, 'fp32');
  await writeFileAtomically(file, JSON.stringify(scores));
  return scores;
}

async function keyOf({ teacher, dataset, backend }: TeacherScoring): Promise<string> {
  const hash = createHash('sha256')
    .update(await modelHash(teacher))
    .update(JSON.stringify([backend, dataset.task.name]));
  for (const [language, set] of dataset.dev) hash.update(language).update(devSetHash(set));
  return hash.digest('hex').slice(0, 32);
}
