// Prints the results of run folders as Markdown: `node tooling/results/results-table.mjs runs/pos runs/nc`.
import {
  METHODS,
  methodOfVersion,
  readResults,
  scoredVersions,
  sortLanguages,
  versionLabel,
  zeroShotName,
} from '@sdq/core/results';

for (const folder of process.argv.slice(2)) {
  const results = readResults(folder);
  const { scores, average, averageZeroShot, bytes, config } = results;
  const languages = sortLanguages(Object.keys(scores.fp32));
  const points = (value) => (100 * value).toFixed(1);
  console.log(`## ${results.task}\n`);
  console.log(
    `${results.metric}; seed ${config.seed}; ${epochs(results)}` +
      `${config.devLimit ? `; the first ${config.devLimit} dev examples of each language` : ''}.\n`,
  );
  console.log(`| | ${languages.join(' | ')} | average | ${zeroShotName([results])} |`);
  console.log(`|---|${'---|'.repeat(languages.length + 2)}`);
  for (const version of scoredVersions(scores)) {
    const cells = languages.map((language) => points(scores[version][language]));
    const means = [average[version], averageZeroShot[version]].map((value) => (100 * value).toFixed(2));
    const name = version === 'fp32' ? 'fp32' : versionLabel(version, config);
    console.log(`| ${name} | ${[...cells, ...means].join(' | ')} |`);
  }
  const { fp32, ...students } = bytes;
  const sizes = Object.entries(students).map(
    ([version, size]) =>
      `, ${versionLabel(version, config)} ${(size / 1e6).toFixed(1)} MB (${((100 * size) / fp32).toFixed(1)} %)`,
  );
  const { trainTokensPerSecond: tokens } = results;
  const speed = tokens === null ? '' : `training ${Math.round(tokens)} tokens/s; `;
  console.log(
    `\nfp32 ${(fp32 / 1e6).toFixed(1)} MB${sizes.join('')}; ${speed}` +
      `peak memory ${(results.peakMemoryBytes / 1e9).toFixed(2)} GB; ${Math.round(results.seconds / 60)} min in all. ${results.machine}; ${results.backend}.\n`,
  );
}

/** For how many epochs the models were trained, of those that this run trained. */
function epochs({ config, scores }) {
  const teacher = config.teacher === undefined ? `teacher ${config.finetune.epochs} epochs` : 'teacher given';
  const trained = METHODS.filter(
    (method) =>
      method.weights !== 'none' && Object.keys(scores).some((one) => methodOfVersion(one) === method),
  );
  const names = trained.map(({ version }) => versionLabel(version, config));
  return names.length === 0 ? teacher : `${teacher}, ${names.join(', ')} ${config.quantized.epochs}`;
}
