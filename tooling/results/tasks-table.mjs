// What each version keeps on several tasks, and whether distillation beats training without it, as Markdown, from the
// folders of sweeps. The runs of a task share one teacher: `node tooling/results/tasks-table.mjs runs/methods runs/quant-noise`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  deviation,
  mean,
  meanScore,
  points,
  readResults,
  scoredVersions,
  versionLabel,
  zeroShotName,
} from '@sdq/core/results';
import { sweepTests } from '@sdq/pipeline';
import { markdownTable } from '@sdq/report';

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const average = ({ scores }, version) => meanScore(scores[version]);
export const zeroShot = ({ averageZeroShot }, version) => averageZeroShot[version];
/** From the most bits to the fewest: `w8a8`, `w4a8`, `w2a8`. */
const byBits = (plans) => plans.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));

/** The runs in the folders of sweeps, by task: `{ task, runs }` in the order in which tasks come first. */
export function readTasks(folders) {
  const tasks = new Map();
  for (const folder of folders) {
    for (const name of readdirSync(folder).sort()) {
      if (!existsSync(join(folder, name, 'results.json'))) continue;
      const results = readResults(join(folder, name));
      tasks.set(results.task, [...(tasks.get(results.task) ?? []), results]);
    }
  }
  return [...tasks].map(([task, runs]) => {
    const teachers = new Set(runs.map(({ scores }) => JSON.stringify(scores.fp32)));
    if (teachers.size !== 1)
      throw new Error(`The runs of ${task} in ${folders.join(', ')} do not share one teacher.`);
    return { task, runs };
  });
}

/** One run a seed that scored a version under a plan: what depends on no training is in several sweeps, with the same score. */
export function runsOf({ runs }, plan, version) {
  const found = runs.filter(({ config, scores }) => config.plan === plan && version in scores);
  return [...new Map(found.map((run) => [run.config.seed, run])).values()];
}

/** The plans that the tasks have runs of, from the most bits to the fewest. */
export function plansOf(tasks) {
  return byBits([...new Set(tasks.flatMap(({ runs }) => runs.map(({ config }) => config.plan)))]);
}

/** The share of fp32's score (`average` or `zeroShot`) that a version keeps, the mean over the runs of its seeds. */
export function keptShare(runs, version, score) {
  return mean(runs.map((run) => score(run, version) / score(run, 'fp32')));
}

/** What the runs call a version: more than one name where they distilled different losses. */
export function labelOf(runs, version) {
  return [...new Set(runs.map(({ config }) => versionLabel(version, config)))].join(' or ');
}

/** A row a plan and version: its mean on each task, the standard deviation over the seeds, and what it keeps of fp32 on the mean of the tasks. */
export function keptTable(tasks) {
  const runs = tasks.flatMap((task) => task.runs);
  const plans = plansOf(tasks);
  const versions = scoredVersions(Object.assign({}, ...runs.map(({ scores }) => scores)));
  const rows = plans.flatMap((plan) =>
    versions.flatMap((version) => {
      const found = tasks.map((task) => runsOf(task, plan, version));
      const isAgain = version === 'fp32' && plan !== plans[0];
      if (isAgain || found.every((one) => one.length === 0)) return [];
      const kept = (of) => {
        if (found.some((one) => one.length === 0)) return '';
        return percent(mean(found.map((one) => keptShare(one, version, of))));
      };
      return [
        [
          version === 'fp32' ? '' : plan,
          labelOf(found.flat(), version),
          ...found.map((one) => (one.length === 0 ? '' : spread(one.map((run) => average(run, version))))),
          kept(average),
          kept(({ scores }, of) => scores[of].en),
          kept(zeroShot),
          size(runs, plan, version),
        ],
      ];
    }),
  );
  const names = tasks.map(({ task }) => task);
  const head = ['plan', 'version', ...names, 'kept', 'en', zeroShotName(runs), 'MB'];
  return [head, ...rows];
}

/** The mean, and the standard deviation where there is one. */
function spread(scores) {
  const sd = points(deviation(scores));
  return `${points(mean(scores))}${Number(sd) > 0 ? ` ± ${sd}` : ''}`;
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
    const labels = [version, less].map((one) => new Set(runs.map(({ config }) => versionLabel(one, config))));
    return sweepTests(swept)
      .filter(([, own, other]) => labels[0].has(own) && labels[1].has(other))
      .map(([plan, , , difference, sd, , adjusted]) => [plan, task, difference, sd, adjusted]);
  });
  const plans = byBits([...new Set(rows.map(([plan]) => plan))]);
  return [
    ['plan', 'task', 'difference', 'sd', 'adjusted p'],
    ...plans.flatMap((plan) => rows.filter((row) => row[0] === plan)),
  ];
}

function main(folders) {
  const tasks = readTasks(folders);
  console.log(`${markdownTable(keptTable(tasks))}\n`);
  const runs = tasks.flatMap((task) => task.runs.filter(({ scores }) => 'sdq' in scores));
  console.log(`${labelOf(runs, 'sdq')} less QAT:\n`);
  console.log(markdownTable(differenceTable(tasks, 'sdq', 'qat')));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
