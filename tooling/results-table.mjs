// Prints the results of run folders as Markdown: `node tooling/results-table.mjs runs/pos runs/nc`.
import { readResults, scoredVersions, sortLanguages, versionLabel } from '@sdq/pipeline';

for (const folder of process.argv.slice(2)) {
  const results = readResults(folder);
  const { scores, average, averageZeroShot, bytes, config } = results;
  const languages = sortLanguages(Object.keys(scores.fp32));
  const points = (value) => (100 * value).toFixed(1);
  console.log(`## ${results.task}\n`);
  console.log(
    `${results.metric}; seed ${config.seed}; teacher ${config.finetune.epochs} epochs, QAT and SDQ ${config.quantized.epochs}` +
      `${config.devLimit ? `; the first ${config.devLimit} dev examples of each language` : ''}.\n`,
  );
  console.log(`| | ${languages.join(' | ')} | average | zero-shot |`);
  console.log(`|---|${'---|'.repeat(languages.length + 2)}`);
  for (const version of scoredVersions(scores)) {
    const cells = languages.map((language) => points(scores[version][language]));
    const means = [average[version], averageZeroShot[version]].map((value) => (100 * value).toFixed(2));
    const name = version === 'fp32' ? 'fp32' : versionLabel(version, config);
    console.log(`| ${name} | ${[...cells, ...means].join(' | ')} |`);
  }
  const { fp32, ...students } = bytes;
  const [int8] = Object.values(students);
  const size = `fp32 ${(fp32 / 1e6).toFixed(1)} MB, int8 ${(int8 / 1e6).toFixed(1)} MB`;
  const { trainTokensPerSecond: tokens } = results;
  const speed = tokens === null ? '' : `training ${Math.round(tokens)} tokens/s; `;
  console.log(
    `\n${size} (${((100 * int8) / fp32).toFixed(1)} %); ${speed}` +
      `peak memory ${(results.peakMemoryBytes / 1e9).toFixed(2)} GB; ${Math.round(results.seconds / 60)} min in all. ${results.machine}; ${results.backend}.\n`,
  );
}
