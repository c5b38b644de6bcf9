import type { Range95 } from '@sdq/core/results';
import { BarChart, CustomChart, HeatmapChart, LineChart } from 'echarts/charts';
import { GridComponent, VisualMapComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([
  ...[BarChart, CustomChart, HeatmapChart, LineChart],
  ...[GridComponent, VisualMapComponent, SVGRenderer],
]);

/** Okabe and Ito's palette, which colour-blind readers can tell apart; a grey that shows on white and on black. */
export const COLOURS = ['#808080', '#E69F00', '#56B4E9', '#009E73', '#D55E00', '#CC79A7'];

/** The colour of text and lines in charts: that of the page's text, in light, dark and print. */
const INK = { color: 'currentColor' };
const FAINT = { color: 'currentColor', opacity: 0.2 };

/** What the scores of a metric are. */
export const METRIC_NAMES: Readonly<Record<string, string>> = {
  accuracy: 'Accuracy',
  'entity-f1': 'Micro-averaged F1 of entities',
  'tag-precision': "The official scorer's precision over tags",
  ndcg: 'nDCG of the pages of a query',
  'mlqa-f1': "F1 of the answers' tokens",
};

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #ffffff; --shade: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b1; --line: #3a424c; --paper: #0f1419; --shade: #1a2129; }
}
@media print {
  :root { color-scheme: light; --ink: #000000; --soft: #444444; --line: #bbbbbb; --paper: #ffffff; --shade: #f6f8fa; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; font-size: 1.2rem; } h3 { font-size: 1rem; }
.lead { font-size: 1.1rem; } .note { color: var(--soft); }
.warning { border-left: 4px solid #D55E00; background: var(--shade); margin: .5rem 0; padding: .4rem 1rem; }
.scroll, .plot { overflow-x: auto; margin: 1rem 0; } .plot svg { display: block; width: 100%; min-width: 44rem; height: auto; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.facts div { display: flex; flex-direction: column-reverse; justify-content: flex-end; background: var(--shade); padding: .6rem 1rem; } .facts dt { color: var(--soft); font-size: .9rem; }
.facts dd { margin: 0; font-size: 1.6rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 1rem 0 0; padding: 0; list-style: none; font-size: .9rem; }
.legend li::before { content: ""; display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; background: var(--colour); }
.legend + .plot { margin-top: .3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tr.mean td { font-weight: 600; }
@media (max-width: 40rem) { th:first-child, td:first-child { white-space: normal; min-width: 6.5rem; overflow-wrap: anywhere; } }
pre { overflow-x: auto; background: var(--shade); padding: 1rem; font-size: .85rem; }
@media print {
  main { max-width: none; padding: 0; } pre { white-space: pre-wrap; } .plot svg { min-width: 0; }
  table { font-size: .7rem; } th, td { padding: .1rem .3rem; white-space: normal; }
  th:first-child, td:first-child { position: static; }
  h2, h3 { break-after: avoid; } .facts, .legend li::before { print-color-adjust: exact; } .plot, .facts, tr, .warning { break-inside: avoid; } .scroll, .plot { overflow: visible; }
}
`;

/** A self-contained HTML page. */
export function htmlPage(title: string, body: string): string {
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
${body}
</main>
</body>
</html>
`;
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Sentences that a reader of the scores has to know. */
export function warningsHtml(sentences: readonly string[]): string {
  return sentences.map((text) => `<p class="warning">${escapeHtml(text)}</p>`).join('\n');
}

/** Sentences as a list. */
export function listHtml(sentences: readonly string[]): string {
  return sentences.length === 0
    ? ''
    : `<ul>${sentences.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`;
}

/** What a page comes down to: each value, and what it is. */
export function factsHtml(facts: readonly (readonly [value: string, name: string])[]): string {
  const parts = facts.map(
    ([value, name]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl class="facts">${parts.join('')}</dl>`;
}

/** Rows of text as a table; the first row is its head. */
export function tableHtml(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  const cells = (row: readonly string[], tag: string) =>
    row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('');
  const lines = body.map((row) => {
    const isMean = /^(average$|zero-shot$|without )/.test(row[0] ?? '');
    return `<tr${isMean ? ' class="mean"' : ''}>${cells(row, 'td')}</tr>`;
  });
  const table = `<table><thead><tr>${cells(head!, 'th')}</tr></thead><tbody>${lines.join('')}</tbody></table>`;
  return `<div class="scroll">${table}</div>`;
}

/** Bars of one version of a model. */
export interface BarSeries {
  readonly name: string;
  /** One a category. */
  readonly values: readonly number[];
  /** The range that each bar's end may lie in. */
  readonly ranges?: readonly Range95[];
}

/** A bar chart of points of 100 as SVG. */
export function barChart(
  categories: readonly string[],
  series: readonly BarSeries[],
  colours: readonly string[] = COLOURS,
): string {
  const chart = plot(320, {
    grid: { left: 40, right: 10, top: 30, bottom: 25 },
    xAxis: {
      type: 'category',
      data: [...categories],
      axisLabel: { interval: 0, ...INK },
      axisLine: { lineStyle: INK },
    },
    yAxis: {
      ...{ type: 'value', name: 'points', nameTextStyle: INK },
      ...{ axisLabel: INK, splitLine: { lineStyle: FAINT } },
    },
    series: series.flatMap((one, place) => [
      bars(one, colours[place % colours.length]!),
      ...whiskers(one, place, series.length),
    ]),
  });
  return `${legend(series, colours)}${chart}`;
}

/** What the colours stand for: beside the plot, so that a narrow screen shows all of it. */
function legend(series: readonly { readonly name: string }[], colours: readonly string[]): string {
  const items = series.map(
    ({ name }, i) => `<li style="--colour: ${colours[i % colours.length]}">${escapeHtml(name)}</li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

/**
 * Values of rows in columns as SVG, each written in its cell; low values stand out. A value that is null leaves a gap. Maps that are to
 * be compared get one scale.
 */
export function heatMap(
  columns: readonly string[],
  rows: readonly { readonly name: string; readonly values: readonly (number | null)[] }[],
  axis: string,
  scale?: { readonly min: number; readonly max: number },
): string {
  const cells = rows.flatMap(({ values }, row) =>
    values.flatMap((value, column) =>
      value === null ? [] : [[column, row, Number(value.toFixed(1))] as const],
    ),
  );
  if (cells.length === 0) return '';
  const found = cells.map(([, , value]) => value);
  const { min, max } = scale ?? { min: Math.min(...found), max: Math.max(...found) };
  // From three tenths of the scale on, dark text reads better than white text.
  const label = (value: number) => ({ color: value - min > 0.3 * (max - min) ? '#1b1f24' : '#ffffff' });
  return plot(70 + 26 * rows.length, {
    grid: { left: 190, right: 10, top: 5, bottom: 65 },
    xAxis: {
      ...{ type: 'category', name: axis, nameLocation: 'middle', nameGap: 25, nameTextStyle: INK },
      ...{ data: [...columns], axisLabel: { interval: 0, ...INK }, axisTick: { show: false } },
    },
    yAxis: {
      ...{ type: 'category', inverse: true, data: rows.map(({ name }) => name) },
      ...{ axisLabel: { interval: 0, ...INK }, axisTick: { show: false } },
    },
    visualMap: {
      ...{ min, max, show: false },
      inRange: { color: ['#7f0000', '#d7301f', '#fc8d59', '#fdd49e', '#fff7ec'] },
    },
    series: [
      {
        type: 'heatmap',
        data: cells.map((cell) => ({ value: [...cell], label: label(cell[2]) })),
        label: {
          show: true,
          fontSize: 11,
          formatter: ({ value }: { value: unknown }) => (value as number[])[2]!.toFixed(1),
        },
      },
    ],
  });
}

/** A chart as SVG, which a narrow screen scrolls. */
function plot(height: number, option: Parameters<ReturnType<typeof init>['setOption']>[0]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 960, height });
  chart.setOption({ animation: false, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `<div class="plot">${svg}</div>`;
}

/** Lines over layers as SVG, on a logarithmic scale; a value that is null leaves a gap. */
export function lineChart(
  layers: readonly string[],
  series: readonly { readonly name: string; readonly values: readonly (number | null)[] }[],
  axis: string,
): string {
  const chart = plot(320, {
    color: COLOURS,
    grid: { left: 55, right: 10, top: 30, bottom: 40 },
    xAxis: {
      ...{ type: 'category', name: 'layer', nameLocation: 'middle', nameGap: 25, nameTextStyle: INK },
      ...{ data: [...layers], axisLabel: INK, axisLine: { lineStyle: INK } },
    },
    yAxis: {
      ...{ type: 'log', name: axis, nameTextStyle: { ...INK, align: 'left' }, scale: true },
      ...{ axisLabel: { ...INK, formatter: powerOfTen }, splitLine: { lineStyle: FAINT } },
    },
    series: series.map(({ name, values }) => ({
      type: 'line' as const,
      name,
      symbol: 'circle',
      symbolSize: 6,
      data: values.map((value) => value ?? '-'),
    })),
  });
  return `${legend(series, COLOURS)}${chart}`;
}

/** 0.0000099999 is 1e-5. */
function powerOfTen(value: number): string {
  return value.toExponential(0).replace('e+', 'e');
}

// Whiskers would use up colours of the palette, were it left to the chart.
const bars = ({ name, values }: BarSeries, colour: string) => ({
  type: 'bar' as const,
  name,
  itemStyle: { color: colour },
  barGap: '0%',
  barCategoryGap: '20%',
  data: values.map((value) => Number(value.toFixed(2))),
});

/** A line from low to high in the middle of each bar. */
function whiskers({ name, ranges }: BarSeries, place: number, count: number) {
  if (!ranges) return [];
  return [
    {
      type: 'custom' as const,
      name: `${name}, 95 % interval`,
      z: 3,
      data: ranges.map(({ low, high }, i) => [i, Number(low.toFixed(2)), Number(high.toFixed(2))]),
      renderItem: (
        _: unknown,
        api: {
          value(dimension: number): number | string;
          coord(point: number[]): number[];
          size?(span: number[]): number | number[];
        },
      ) => {
        const category = Number(api.value(0));
        const [x, top] = api.coord([category, Number(api.value(2))]) as [number, number];
        const bottom = api.coord([category, Number(api.value(1))])[1]!;
        const width = 0.8 * (api.size!([1, 0]) as number[])[0]!;
        const middle = x + width * ((place + 0.5) / count - 0.5);
        const cap = Math.min(3, width / count / 4);
        const line = (x1: number, y1: number, x2: number, y2: number) => ({
          type: 'line' as const,
          shape: { x1, y1, x2, y2 },
          style: { stroke: 'currentColor', lineWidth: 1 },
        });
        return {
          type: 'group' as const,
          children: [
            line(middle, top, middle, bottom),
            line(middle - cap, top, middle + cap, top),
            line(middle - cap, bottom, middle + cap, bottom),
          ],
        };
      },
    },
  ];
}

/** A score as people read it: 0.812 is 81.2. */
export function points(score: number): string {
  return (100 * score).toFixed(1);
}

/** A change of a score with its sign: −0.42. */
export function signedPoints(difference: number): string {
  return `${difference < 0 ? '−' : '+'}${Math.abs(100 * difference).toFixed(2)}`;
}

/** A p value as people read it. */
export function pValue(p: number): string {
  return p < 0.001 ? '<0.001' : p.toFixed(3);
}
