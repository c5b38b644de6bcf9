// Draws docs/error-through-the-layers.svg from the table of docs/analysis.md: `npm run docs:picture`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { svgChart } from '../results/svg-chart.mjs';

use([LineChart, GridComponent, LegendComponent]);

/** The table below the heading: the names of its columns, and its rows of numbers. */
export function layerTable(markdown) {
  const [, section] = markdown.split('\n## Through the layers\n');
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  const [head, , ...rows] = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return { columns: head, rows: rows.map((row) => row.map(Number)) };
}

/** The picture, without a ground and in colours that read on white and on black. */
export function picture({ columns, rows }) {
  const colours = { heads: '#D55E00', layer: '#2E8BC9' };
  const ink = { color: '#7a7a7a', fontSize: 14 };
  return svgChart(600, 340, {
    legend: { top: 8, itemWidth: 36, textStyle: ink },
    grid: { left: 62, right: 18, top: 46, bottom: 46 },
    xAxis: {
      type: 'category',
      name: 'layer',
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: ink,
      axisLabel: ink,
      boundaryGap: false,
      data: rows.map(([layer]) => String(layer)),
    },
    yAxis: {
      type: 'value',
      name: 'signal to noise, dB',
      nameLocation: 'middle',
      nameGap: 40,
      nameTextStyle: ink,
      axisLabel: ink,
      splitLine: { lineStyle: { color: '#7a7a7a', opacity: 0.3 } },
    },
    series: columns.slice(1).map((name, i) => ({
      type: 'line',
      name,
      symbol: 'circle',
      symbolSize: 6,
      color: colours[name.split(',')[0]],
      lineStyle: { width: 2.5, type: name.endsWith('PTQ') ? 'dashed' : 'solid' },
      data: rows.map((row) => row[i + 1]),
    })),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = new URL('../../docs/', import.meta.url);
  const table = layerTable(readFileSync(new URL('analysis.md', docs), 'utf8'));
  writeFileSync(new URL('error-through-the-layers.svg', docs), picture(table));
}
