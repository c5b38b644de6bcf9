// Prints the results of run folders as Markdown: `node tooling/results-table.mjs runs/pos runs/nc`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSIONS = {
  fp32: 'fp32',
  ptqMinMax: 'PTQ min-max',
  ptqPercentile: 'PTQ percentile',
  qat: 'QAT',
  sdq: 'SDQ (Att-KLD)',
  sdqMse: 'SDQ (Att-MSE)',
};

for (const folder of process.argv.slice(2)) {
  const results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
  const { scores, average, averageZeroShot, bytes, config } = results;
  const versions = Object.keys(VERSIONS).filter((version) => version in scores);
  const languages = Object.keys(scores.fp32).sort((a, b) => (b === 'en') - (a === 'en') || (a < b ? -1 : 1));
  const points = (value) => (100 * value).toFixed(1);
  console.log(`## ${results.task}\n`);
  console.log(
    `${results.metric}; seed ${config.seed}; teacher ${config.finetune.epochs} epochs, QAT and SDQ ${config.quantized.epochs}` +
      `${config.devLimit ? `; the first ${config.devLimit} dev examples of each language` : ''}.\n`,
  );
  console.log(`| | ${languages.join(' | ')} | average | zero-shot |`);
  console.log(`|---|${'---|'.repeat(languages.length + 2)}`);
  for (const version of versions) {
    const cells = languages.map((language) => points(scores[version][language]));
    const means = [average[version], averageZeroShot[version]].map((value) => (100 * value).toFixed(2));
    const losses = version === 'sdq' && config.distillation.losses;
    const name = losses ? `SDQ (${Object.keys(losses).join(', ')})` : VERSIONS[version];
    console.log(`| ${name} | ${[...cells, ...means].join(' | ')} |`);
  }
  const { fp32, ...students } = bytes;
  const [int8] = Object.values(students);
  const size = `fp32 ${(fp32 / 1e6).toFixed(1)} MB, int8 ${(int8 / 1e6).toFixed(1)} MB`;
  console.log(
    `\n${size} (${((100 * int8) / fp32).toFixed(1)} %); training ${Math.round(results.trainTokensPerSecond)} tokens/s; ` +
      `peak memory ${(results.peakMemoryBytes / 1e9).toFixed(2)} GB; ${Math.round(results.seconds / 60)} min in all. ${results.machine}; ${results.backend}.\n`,
  );
}
