import type { Results } from '@sdq/core/results';
import { writeFileAtomically } from '@sdq/models';
import { SOURCES_FILE } from '../run-folder/index.ts';
import type { RunSettings } from './run-context.ts';
import { runResults } from './run-results.ts';

/** Writes what a run found, from the records of its finished stages. */
export async function writeResults(settings: RunSettings): Promise<Results> {
  const { config, dataset, folder, environment, sources } = settings;
  const results = await runResults(config, dataset, folder, environment.backend);
  const write = (name: string, text: string) => writeFileAtomically(folder.file(name), text);
  await write('results.json', `${JSON.stringify(results, null, 2)}\n`);
  if (environment.report) await write('report.html', environment.report(results));
  // Last: where it is, all is there.
  await write(SOURCES_FILE, `${JSON.stringify(sources, null, 2)}\n`);
  return results;
}
