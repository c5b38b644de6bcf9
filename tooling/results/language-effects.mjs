// What quantized training does to each language, from the run folders of a sweep that share a teacher: how much agrees with fp32, against how
// many of a language's pieces the training saw. Prints Markdown and draws a picture:
// `node tooling/results/language-effects.mjs picture.svg runs/methods/task-POS_seed-0_plan-w2a8 runs/methods/task-POS_seed-1_plan-w2a8`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mean, readResults, sortLanguages } from '@sdq/core/results';
import { loadTokenizer } from '@sdq/models';
import { exampleEncoder } from '@sdq/pipeline';
import { markdownTable } from '@sdq/report';
import { readPredictions, readSplit, taskLabels } from '@sdq/xglue';
import { ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { svgChart } from './svg-chart.mjs';
import { labelOf } from './tasks-table.mjs';

use([ScatterChart, GridComponent, LegendComponent]);

const SHOWN = ['qat', 'sdq'];

/** The share of two rows of labels that is equal. */
export function agreement(first, second) {
  return first.filter((label, i) => label === second[i]).length / first.length;
}

/** How much of the first labels' entropy the second labels tell: their mutual information over that entropy, in [0, 1]. */
export function toldShare(first, second) {
  const count = (keys) => {
    const counts = new Map();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts.values()];
  };
  const entropy = (counts) =>
    counts.reduce((sum, n) => sum - (n / first.length) * Math.log2(n / first.length), 0);
  const [own, other, both] = [first, second, first.map((label, i) => JSON.stringify([label, second[i]]))]
    .map(count)
    .map(entropy);
  return own === 0 ? 1 : (own + other - both) / own;
}

/** Spearman's rank correlation; equal values have their mean rank. */
export function rankCorrelation(first, second) {
  const ranks = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
  };
  const [a, b] = [ranks(first), ranks(second)];
  const [middleA, middleB] = [mean(a), mean(b)];
  const covariance = mean(a.map((rank, i) => (rank - middleA) * (b[i] - middleB)));
  const spread = (values, middle) => Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  return covariance / (spread(a, middleA) * spread(b, middleB));
}

/** The effects in one language, each averaged over the runs. */
function effects(folders, results, task, language, version) {
  const read = (folder, of) =>
    [readPredictions({ folder: join(folder, 'predictions', of), task, language })].flat(2);
  const perRun = folders.map((folder) => [read(folder, 'fp32'), read(folder, version)]);
  return {
    change: mean(results.map(({ scores }) => scores[version][language] - scores.fp32[language])),
    agreement: mean(perRun.map(([fp32, own]) => agreement(fp32, own))),
    told: mean(perRun.map(([fp32, own]) => toldShare(fp32, own))),
  };
}

/** @param {string[]} args */
async function main([picture, ...folders]) {
  const results = folders.map(readResults);
  const { config, task } = results[0];
  const encode = exampleEncoder(
    await loadTokenizer(config.model),
    taskLabels(config.data, task),
    config.maxLength,
  );
  const pieces = (language, split, limit) =>
    readSplit({ folder: config.data, task, language, split })
      .slice(0, limit)
      .flatMap(encode)
      .flatMap(({ ids }) => [...ids].slice(1, -1));
  const seen = new Set(pieces('en', 'train', config.trainLimit));
  const languages = sortLanguages(Object.keys(results[0].scores.fp32));
  const rows = languages.map((language) => {
    const ids = pieces(language, 'dev', config.devLimit);
    const share = ids.filter((id) => seen.has(id)).length / ids.length;
    const of = (version) => effects(folders, results, task, language, version);
    return { language, share, qat: of('qat'), sdq: of('sdq') };
  });
  const percent = (value) => (100 * value).toFixed(1);
  const versions = SHOWN.map((version) => ({ version, name: labelOf(results, version) }));
  const columns = ['change', 'agreement', 'told'].flatMap((what) =>
    versions.map(({ version, name }) => ({ what, version, head: `${what}, ${name}` })),
  );
  const table = [
    ['', 'seen pieces', ...columns.map(({ head }) => head)],
    ...rows.map((row) => [
      row.language,
      percent(row.share),
      ...columns.map(({ what, version }) => percent(row[version][what])),
    ]),
  ];
  console.log(markdownTable(table));
  const others = rows.filter(({ language }) => language !== 'en');
  for (const { version, name } of versions) {
    const rho = (what) =>
      rankCorrelation(
        others.map(({ share }) => share),
        others.map((row) => row[version][what]),
      ).toFixed(2);
    console.log(
      `\nRank correlation with the share of seen pieces over ${others.length} languages beside English, ${name}: of the change ${rho('change')}, of the agreement ${rho('agreement')}.`,
    );
  }
  writeFileSync(picture, scatter(rows, versions));
}

/** Agreement against seen pieces, a point a language, in colours that read on white and on black. */
function scatter(rows, versions) {
  const ink = { color: '#7a7a7a', fontSize: 13 };
  const axis = (name, nameGap) => ({
    type: 'value',
    name,
    nameLocation: 'middle',
    nameGap,
    nameTextStyle: ink,
    axisLabel: ink,
    scale: true,
    splitLine: { lineStyle: { color: '#7a7a7a', opacity: 0.3 } },
  });
  return svgChart(640, 380, {
    legend: { top: 8, textStyle: ink },
    grid: { left: 62, right: 30, top: 46, bottom: 46 },
    xAxis: axis('pieces of the dev text that the English training text has, %', 28),
    yAxis: axis('predictions that agree with fp32, %', 40),
    series: versions.map(({ version, name }, i) => ({
      type: 'scatter',
      name,
      color: ['#D55E00', '#2E8BC9'][i],
      symbol: ['diamond', 'circle'][i],
      symbolSize: 8,
      labelLayout: { hideOverlap: true },
      label: {
        show: true,
        position: 'right',
        color: '#7a7a7a',
        fontSize: 11,
        formatter: ({ value }) => value[2],
      },
      data: rows.map((row) => [100 * row.share, 100 * row[version].agreement, row.language]),
    })),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
