import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The benchmark's real data, beside the checkout; not every machine has it. */
export const xglue = fileURLToPath(new URL('../../../../shared/data/xglue', import.meta.url));
export const hasXglue = existsSync(xglue);

/** A published system's predictions on the dev sets, and its scores. */
export const reference = fileURLToPath(new URL('../../../../shared/data/xglue-reference', import.meta.url));
export const hasReference = hasXglue && existsSync(reference);

/** The published dev scores: { POS: { en: .., avg: .. }, .. }. */
export function publishedScores(): Record<string, Record<string, number>> {
  const lines = readFileSync(`${reference}/unicoder-dev-scores.txt`, 'utf8').split('\n');
  return Object.fromEntries(
    lines.flatMap((line, i) =>
      line.startsWith('{') ? [[lines[i - 1]!.trim(), JSON.parse(line.replaceAll("'", '"'))]] : [],
    ),
  );
}
