import { readResults } from '@sdq/core/results';
import { comparisonTable } from '@sdq/report';
import { textTable } from '../terminal/index.ts';

/** `sdq compare`: finished runs of one task side by side. */
export function compareAction(folders: readonly string[], { json }: { readonly json?: boolean }): void {
  const runs = folders.map((name) => ({ name, results: readResults(name) }));
  const table = comparisonTable(runs);
  process.stdout.write(
    json
      ? `${JSON.stringify(Object.fromEntries(runs.map(({ name, results }) => [name, results])))}\n`
      : `${textTable(table)}\n`,
  );
}
