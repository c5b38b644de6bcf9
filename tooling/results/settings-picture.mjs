// What each setting of a sweep scores, beside a run that has the default: a table with paired tests over the dev examples, in Markdown, and a picture.
// `node tooling/results/settings-picture.mjs picture.svg sdq runs/methods/task-XNLI_seed-0_plan-w2a8 runs/distillation/task-XNLI_distillation-*`.
// In place of a run several with commas between them: a setting's seeds, held against those of the default in the same order.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { mean, meanScore, points, readResults, versionLabel } from '@sdq/core/results';
import { goldExamples, versionTallies } from '@sdq/pipeline';
import { markdownTable } from '@sdq/report';
import { holm, pairedMeanTest } from '@sdq/xglue';
import { ScatterChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { svgChart } from './svg-chart.mjs';

use([ScatterChart, GridComponent, MarkLineComponent]);

/** The options of a configuration that another has otherwise, as `attention 100`; where it is, how and with what it runs left aside. */
export function difference({ out, seed, methods, ...config }, { out: _, seed: __, methods: ___, ...other }) {
  const isGroup = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
  const text = (value) => {
    if (isGroup(value))
      return Object.entries(value)
        .map(([name, part]) => `${name} ${text(part)}`)
        .join(', ');
    return Array.isArray(value) ? value.join(' ') : String(value);
  };
  const changes = (own, others) =>
    Object.entries(own).flatMap(([name, value]) => {
      if (isDeepStrictEqual(value, others?.[name])) return [];
      if (isGroup(value) && isGroup(others?.[name])) return changes(value, others[name]);
      // A list of losses names itself.
      return [name === 'losses' ? text(value) : `${name} ${text(value)}`];
    });
  return changes(config, other).join(', ');
}

/** @param {string[]} args */
function main([picture, version, base, ...folders]) {
  const read = (list) =>
    list.split(',').map((folder) => {
      const results = readResults(folder);
      const gold = goldExamples(results.config);
      const tallies = gold && versionTallies(folder, version, results.task, gold);
      if (!tallies) throw new Error(`${folder} has no predictions of "${version}", or its data are gone.`);
      return { ...results, tallies };
    });
  const averageOf = (runs, name) => mean(runs.map(({ scores }) => meanScore(scores[name])));
  const references = read(base);
  const [reference] = references;
  const rows = folders.map((list) => {
    const runs = read(list);
    if (runs.length !== references.length) {
      throw new Error(`${list} are ${runs.length} runs, and the default has ${references.length}.`);
    }
    const groups = Object.keys(reference.tallies).map((language) =>
      runs.map(({ tallies }, seed) => [tallies[language], references[seed].tallies[language]]),
    );
    return {
      setting: difference(runs[0].config, reference.config),
      average: averageOf(runs, version),
      ...pairedMeanTest(groups, { samples: 10_000 }),
    };
  });
  const adjusted = holm(rows.map(({ p }) => p));
  const name = `default (${versionLabel(version, reference.config)})`;
  const average = averageOf(references, version);
  console.log(
    markdownTable([
      ['setting', 'average', 'less default', 'p', 'adjusted p'],
      [name, points(average), '', '', ''],
      ...rows.map((row, i) => [
        row.setting,
        points(row.average),
        points(row.difference),
        row.p.toFixed(4),
        adjusted[i].toFixed(4),
      ]),
    ]),
  );
  const lines = [{ name: 'default', value: average }];
  if (reference.scores.qat) lines.push({ name: 'QAT', value: averageOf(references, 'qat') });
  writeFileSync(picture, dots(rows, lines));
}

/** A point a setting, in the order given, and vertical lines to compare with, in colours that read on white and on black. */
function dots(rows, lines) {
  const ink = { color: '#7a7a7a', fontSize: 13 };
  // An axis fits its points alone, and would leave out a line beside them.
  const least = Math.min(...[...rows.map(({ average }) => average), ...lines.map(({ value }) => value)]);
  return svgChart(680, 90 + 24 * rows.length, {
    grid: { left: 250, right: 30, top: 36, bottom: 46 },
    xAxis: {
      type: 'value',
      name: 'average of all languages',
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: ink,
      axisLabel: ink,
      scale: true,
      min: Math.floor(100 * least),
      splitLine: { show: false },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(({ setting }) => setting),
      axisLabel: { ...ink, fontSize: 12 },
      splitLine: { show: true, lineStyle: { color: '#7a7a7a', opacity: 0.3 } },
    },
    series: [
      {
        type: 'scatter',
        color: '#2E8BC9',
        symbolSize: 10,
        data: rows.map(({ average, setting }) => [100 * average, setting]),
        markLine: {
          silent: true,
          symbol: 'none',
          lineStyle: { color: '#D55E00', type: 'dashed' },
          label: { ...ink, position: 'start', formatter: '{b}' },
          data: lines.map(({ name, value }) => ({ name, xAxis: 100 * value })),
        },
      },
    ],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
