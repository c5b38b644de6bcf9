// What each version keeps on several tasks, and whether distillation beats training without it, as Markdown. A task is a sweep's folder, or several of one
// teacher with commas between them: `node tooling/tasks-table.mjs runs/pos,runs/pos-quant-noise runs/xnli,runs/xnli-quant-noise runs/nc`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  markdownTable,
  meanScore,
  readResults,
  scoredVersions,
  sortLanguages,
  sweepTests,
  versionLabel,
} from '@sdq/pipeline';

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
const points = (share) => (100 * share).toFixed(2);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
/** From the most bits to the fewest: `w8a8`, `w4a8`, `w2a8`. */
const byBits = (plans) => plans.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));

function zeroShotMean(scores) {
  return meanScore(
    scores,
    sortLanguages(Object.keys(scores)).filter((language) => language !== 'en'),
  );
}

/** The runs of the folders of one task, and by plan and version what they score and keep. */
export function readTask(folders) {
  const runs = folders.flatMap((folder) =>
    readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((run) => existsSync(join(run, 'results.json')))
      .map(readResults),
  );
  const teachers = new Set(runs.map(({ scores }) => JSON.stringify(scores.fp32)));
  if (teachers.size !== 1) throw new Error(`The runs of ${folders.join(', ')} do not share one teacher.`);
  const cells = new Map();
  for (const { scores, config } of runs) {
    for (const version of scoredVersions(scores)) {
      const key = `${config.plan} ${version}`;
      if (!cells.has(key)) cells.set(key, new Map());
      // A version that depends on no training is in several sweeps' runs of a seed, with the same score.
      cells.get(key).set(config.seed, {
        score: meanScore(scores[version]),
        kept: meanScore(scores[version]) / meanScore(scores.fp32),
        zeroShot: zeroShotMean(scores[version]) / zeroShotMean(scores.fp32),
        english: scores[version].en / scores.fp32.en,
      });
    }
  }
  return { task: runs[0].task, runs, cells };
}

/** A row a plan and version: its mean on each task, the standard deviation over the seeds, and what it keeps of fp32 on the mean of the tasks. */
export function keptTable(tasks) {
  const runs = tasks.flatMap((task) => task.runs);
  const plans = byBits([...new Set(runs.map(({ config }) => config.plan))]);
  const versions = scoredVersions(Object.assign({}, ...runs.map(({ scores }) => scores)));
  const rows = plans.flatMap((plan) =>
    versions.flatMap((version) => {
      const seeds = tasks.map(({ cells }) => [...(cells.get(`${plan} ${version}`)?.values() ?? [])]);
      const isAgain = version === 'fp32' && plan !== plans[0];
      if (isAgain || seeds.every((one) => one.length === 0)) return [];
      const kept = (of) => {
        const known = seeds.filter((one) => one.length > 0);
        return known.length < tasks.length ? '' : percent(mean(known.map((one) => mean(one.map(of)))));
      };
      return [
        [
          version === 'fp32' ? '' : plan,
          versionLabel(version, { distillation: {} }),
          ...seeds.map((one) => {
            if (one.length === 0) return '';
            const scores = one.map(({ score }) => score);
            const spread = points(deviation(scores));
            return `${points(mean(scores))}${Number(spread) > 0 ? ` ± ${spread}` : ''}`;
          }),
          kept(({ kept }) => kept),
          kept(({ english }) => english),
          kept(({ zeroShot }) => zeroShot),
          size(runs, plan, version),
        ],
      ];
    }),
  );
  const head = ['plan', 'version', ...tasks.map(({ task }) => task), 'kept', 'en', 'zero-shot', 'MB'];
  return [head, ...rows];
}

/** The megabytes of a version's weights, where a run saved it: nearly the same on each task, since heads are small. */
function size(runs, plan, version) {
  const bytes = runs
    .filter(({ config }) => config.plan === plan)
    .map((run) => run.bytes[version])
    .filter((one) => one !== undefined);
  return bytes.length > 0 ? (mean(bytes) / 1e6).toFixed(1) : '';
}

/** A row a plan and task: how a version differs from a simpler one, and the adjusted p of the paired test. */
export function differenceTable(tasks, version, less) {
  const rows = tasks.flatMap(({ task, runs }) => {
    const swept = runs
      .filter(({ scores }) => version in scores && less in scores)
      .map((results) => ({ settings: { plan: results.config.plan, seed: results.config.seed }, results }));
    const labels = [version, less].map((one) => versionLabel(one, { distillation: {} }));
    return sweepTests(swept)
      .filter(([, own, other]) => own === labels[0] && other === labels[1])
      .map(([plan, , , difference, sd, , adjusted]) => [plan, task, difference, sd, adjusted]);
  });
  const plans = byBits([...new Set(rows.map(([plan]) => plan))]);
  return [
    ['plan', 'task', 'difference', 'sd', 'adjusted p'],
    ...plans.flatMap((plan) => rows.filter((row) => row[0] === plan)),
  ];
}

function main(folders) {
  const tasks = folders.map((list) => readTask(list.split(',')));
  console.log(`${markdownTable(keptTable(tasks))}\n`);
  console.log('SDQ (Att-KLD) less QAT:\n');
  console.log(markdownTable(differenceTable(tasks, 'sdq', 'qat')));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
