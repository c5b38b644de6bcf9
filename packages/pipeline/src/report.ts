import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { meanScore, type Results, scoreTable, sortLanguages, VERSION_LABELS } from './results.ts';

use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

// Okabe and Ito's palette, which colour-blind readers can tell apart.
const COLOURS = ['#333333', '#E69F00', '#56B4E9', '#009E73', '#D55E00', '#CC79A7'];

/**
 * One self-contained HTML page about a run: scores per language, what each version lost, sizes, speed, and how to
 * repeat it.
 */
export function reportPage(results: Results): string {
  const title = `sdq: ${results.task}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${lead(results)}</p>
${warnings(results)}
<h2>Score per language</h2>
<p>${escapeHtml(METRIC_NAMES[results.metric] ?? results.metric)}, in points of 100. Only English was trained on: every other language is zero-shot.</p>
<div class="plot">${scoreChart(results)}</div>
<div class="scroll">${scoresTable(results)}</div>
<h2>Change against fp32</h2>
<div class="plot">${changeChart(results)}</div>
<h2>Size and speed</h2>
${factsTable(results)}
<h2>How to repeat it</h2>
<p>The whole configuration, seed included:</p>
<pre>${escapeHtml(JSON.stringify(results.config, null, 2))}</pre>
<p>${escapeHtml(
    Object.entries(results.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  )}; ${escapeHtml(results.machine)}.</p>
</main>
</body>
</html>
`;
}

const METRIC_NAMES: Readonly<Record<string, string>> = {
  accuracy: 'Accuracy',
  'entity-f1': 'Micro-averaged F1 of entities',
  'tag-precision': "The official scorer's precision over tags",
};

const STYLE = `
:root { color-scheme: light; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; font-size: 1.2rem; }
.lead { font-size: 1.1rem; } .warning { border-left: 4px solid #D55E00; padding: .3rem 1rem; }
.scroll, .plot { overflow-x: auto; } .plot svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr.mean td { font-weight: 600; }
pre { overflow-x: auto; background: #f6f8fa; padding: 1rem; font-size: .85rem; }
@media print { main { max-width: none; } pre { white-space: pre-wrap; } }
`;

function lead(results: Results): string {
  const fp32 = results.average.fp32!;
  const sdq = results.average.sdq;
  if (sdq === undefined) return escapeHtml(`The fp32 teacher scores ${points(fp32)} on average.`);
  const ratio =
    results.bytes.sdq === undefined
      ? ''
      : `${(results.bytes.fp32 / results.bytes.sdq).toFixed(1)} times smaller, `;
  return escapeHtml(
    `The int8 student is ${ratio}and scores ${points(sdq)} on average over ${Object.keys(results.scores.fp32!).length} ` +
      `languages, where the fp32 teacher scores ${points(fp32)} (${signed(sdq - fp32)}).`,
  );
}

function warnings(results: Results): string {
  const found: string[] = [];
  const { fp32, sdq } = results.scores;
  const small = Object.entries(results.examples).filter(([, count]) => count < 200);
  if (small.length > 0) {
    const fewest = Math.min(...small.map(([, count]) => count));
    found.push(
      `${small.length} languages have fewer than 200 dev examples (the fewest: ${fewest}), where one example moves the score by ${(100 / fewest).toFixed(1)} points.`,
    );
  }
  const weak = Object.keys(fp32!).filter((language) => fp32![language]! < results.majority[language]! + 0.02);
  if (results.metric === 'accuracy' && weak.length > 0) {
    found.push(
      `In ${weak.join(', ')} the fp32 teacher is no better than always guessing the most frequent label: there is nothing to keep.`,
    );
  }
  if (sdq) {
    const lost = Object.keys(sdq).filter((language) => sdq[language]! < fp32![language]! - 0.02);
    if (lost.length > 0) found.push(`The int8 student loses more than 2 points in ${lost.join(', ')}.`);
  }
  if (results.unofficialLanguages.length > 0) {
    found.push(`Beyond the official benchmark's languages: ${results.unofficialLanguages.join(', ')}.`);
  }
  return found.map((text) => `<p class="warning">${escapeHtml(text)}</p>`).join('\n');
}

function versionsOf(results: Results): string[] {
  return Object.keys(VERSION_LABELS).filter((version) => version in results.scores);
}

function scoreChart(results: Results): string {
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  return barChart(
    languages,
    versionsOf(results).map((version) => ({
      name: VERSION_LABELS[version]!,
      values: languages.map((language) => 100 * results.scores[version]![language]!),
    })),
    COLOURS,
  );
}

function changeChart(results: Results): string {
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  const versions = versionsOf(results).filter((version) => version !== 'fp32');
  return barChart(
    [...languages, 'average'],
    versions.map((version) => {
      const change = (language: string) =>
        100 * (results.scores[version]![language]! - results.scores.fp32![language]!);
      const average = 100 * (meanScore(results.scores[version]!) - meanScore(results.scores.fp32!));
      return { name: VERSION_LABELS[version]!, values: [...languages.map(change), average] };
    }),
    COLOURS.slice(1),
  );
}

function barChart(
  categories: readonly string[],
  series: readonly { name: string; values: readonly number[] }[],
  colours: readonly string[],
): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 960, height: 340 });
  chart.setOption({
    animation: false,
    color: [...colours],
    legend: { top: 0 },
    grid: { left: 40, right: 10, top: 40, bottom: 30 },
    xAxis: { type: 'category', data: [...categories], axisLabel: { interval: 0 } },
    yAxis: { type: 'value' },
    series: series.map(({ name, values }) => ({
      type: 'bar',
      name,
      barGap: '0%',
      data: values.map((value) => Number(value.toFixed(2))),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function scoresTable(results: Results): string {
  const [head, ...rows] = scoreTable(results.scores);
  const cells = (row: readonly string[], tag: string) =>
    row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('');
  const body = rows.map(
    (row) =>
      `<tr${row[0] === 'average' || row[0] === 'zero-shot' ? ' class="mean"' : ''}>${cells(row, 'td')}</tr>`,
  );
  return `<table><thead><tr>${cells(head!, 'th')}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}

function factsTable(results: Results): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const facts: [string, string][] = [['fp32 weights', megabytes(results.bytes.fp32)]];
  if (results.bytes.sdq !== undefined) {
    const share = (100 * results.bytes.sdq) / results.bytes.fp32;
    facts.push(['int8 weights', `${megabytes(results.bytes.sdq)} (${share.toFixed(1)} % of fp32)`]);
  }
  facts.push(
    ['training speed', `${Math.round(results.trainTokensPerSecond).toLocaleString('en')} tokens/s`],
    ['peak memory', megabytes(results.peakMemoryBytes)],
    ...Object.entries(results.stageSeconds).map(([stage, seconds]): [string, string] => [
      stage,
      `${seconds.toFixed(0)} s`,
    ]),
    ['whole run', `${results.seconds.toFixed(0)} s`],
  );
  const rows = facts.map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table><tbody>${rows.join('')}</tbody></table>`;
}

function points(score: number): string {
  return (100 * score).toFixed(1);
}

function signed(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(100 * difference).toFixed(2)} points`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
