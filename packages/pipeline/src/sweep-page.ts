import { markdownTable } from './markdown-table.ts';
import { mean } from './seed-statistics.ts';
import type { SweepRun } from './sweep.ts';
import { sweepLanguages, sweepTable } from './sweep-table.ts';
import { sweepTests } from './sweep-tests.ts';

/**
 * What a sweep found, as a page of Markdown: the means and spreads of {@link sweepTable}, the languages, the tests of which versions
 * differ, how long it took, and the command.
 *
 * @param name - the page's title
 * @param command - what made the runs, for a shell
 */
export function sweepPage(name: string, runs: readonly SweepRun[], command: string): string {
  const { task, metric, machine, backend, versions, config, examples } = runs[0]!.results;
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const hours = runs.reduce((sum, { results }) => sum + results.seconds, 0) / 3600;
  const limit =
    config.devLimit === undefined ? '' : `, the first ${config.devLimit} dev examples of each language`;
  const tests = sweepTests(runs);
  const scored = Math.round(mean(Object.values(examples)));
  return `# ${name}

${task}, ${metric}, in points of 100${limit} (${scored} on average): means over the seeds; sd is the sample standard deviation of the average, kept its share of fp32's.

${markdownTable(sweepTable(runs))}

## Languages

${markdownTable(sweepLanguages(runs))}
${
  tests.length === 0
    ? ''
    : `
## Tests

Differences of the average over all languages. p: approximate randomisation of the dev examples; the seeds share an example, and so do its translations
and the examples of its cluster. Adjusted by Holm's method for the tests of a setting. The sd over the seeds says how far training alone moves the difference.

${markdownTable(tests)}
`
}
${runs.length === 1 ? '1 run' : `${runs.length} runs`}, ${hours.toFixed(1)} hours in all, the time of teachers that were given not included. ${machine}; ${backend}; ${used.join(', ')}.

\`\`\`sh
${command}
\`\`\`
`;
}
