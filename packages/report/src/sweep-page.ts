import { mean, runsByTask, type SweepRun, trainingSentence } from '@sdq/core/results';
import { markdownTable } from './markdown-table.ts';
import { sweepLanguages, sweepTable } from './sweep-table.ts';

/** The rows of a table about some runs of one task, its head first; none where there is nothing to tell. */
type RunsTable = (runs: readonly SweepRun[]) => string[][];

/**
 * What a sweep found, as a page of Markdown: for each task the means and spreads of {@link sweepTable}, the languages, the
 * tests of which versions differ; how long it took, and the command.
 *
 * @param name - the page's title
 * @param command - what made the runs, for a shell
 * @param testsOf - the tests of which versions of one task's runs differ: `sweepTests` of `@sdq/pipeline`
 */
export function sweepPage(
  name: string,
  runs: readonly SweepRun[],
  command: string,
  testsOf: RunsTable,
): string {
  const tasks = runsByTask(runs);
  const ran = distinct(
    runs,
    ({ machine, backend, versions }) =>
      `${machine}; ${backend}; ${Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
  ).join('. ');
  const isGiven = runs.some(({ results }) => results.config.teacher !== undefined);
  const hours = runs.reduce((sum, { results }) => sum + results.seconds, 0) / 3600;
  const found =
    tasks.size === 1
      ? taskSection([...tasks.values()][0]!, '##', testsOf)
      : [...tasks].map(([task, own]) => `## ${task}\n\n${taskSection(own, '###', testsOf)}`).join('');
  return `# ${name}

${found}${runs.length === 1 ? '1 run' : `${runs.length} runs`}, ${hours.toFixed(1)} hours in all${isGiven ? ', the time of teachers that were given not included' : ''}. ${ran}.

\`\`\`sh
${command}
\`\`\`
`;
}

/** What the runs of one task found, with headings of the level given. */
function taskSection(runs: readonly SweepRun[], heading: string, testsOf: RunsTable): string {
  const { config } = runs[0]!.results;
  const scored = distinct(runs, ({ task, metric }) => `${task}, ${metric}`).join('; ');
  const trained = distinct(runs, (results) => trainingSentence(results) ?? '').filter(
    (sentence) => sentence !== '',
  );
  const limits = distinct(runs, (results) => String(results.config.devLimit ?? ''));
  const counts = distinct(runs, (results) => String(Math.round(mean(Object.values(results.examples)))));
  const limit =
    limits.length === 1 && config.devLimit !== undefined
      ? `, the first ${config.devLimit} dev examples of each language`
      : '';
  const tests = testsOf(runs);
  return `${scored}, in points of 100${limit} (${counts.join(', ')} on average): means over the seeds; sd is the sample standard deviation of the average, kept its share of fp32's.${trained.map((sentence) => ` ${sentence}`).join('')}

${markdownTable(sweepTable(runs))}

${heading} Languages

${markdownTable(sweepLanguages(runs))}
${
  tests.length === 0
    ? ''
    : `
${heading} Tests

Differences of the average over all languages. p: approximate randomisation of the dev examples; the seeds share an example, and so do its translations
and the examples of its cluster. Adjusted by Holm's method for the tests of a setting. The sd over the seeds says how far training alone moves the difference.

${markdownTable(tests)}
`
}
`;
}

/** The different texts that results give. */
function distinct(runs: readonly SweepRun[], of: (results: SweepRun['results']) => string): string[] {
  return [...new Set(runs.map(({ results }) => of(results)))];
}
