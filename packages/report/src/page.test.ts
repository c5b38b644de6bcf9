import { expect, it } from 'vitest';
import { barChart, COLOURS, heatMap, htmlPage, lineChart, tableHtml } from './page.ts';

const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);

it('heatMap writes each value into its cell, and none where there is none', () => {
  const rows = [
    { name: 'query', values: [10.04, 20] },
    { name: 'key', values: [null, 30] },
  ];
  const svg = heatMap(['0', '1'], rows, 'layer');
  const found = texts(svg);
  expect(found).toEqual(expect.arrayContaining(['query', 'key', 'layer', '10.0', '20.0', '30.0']));
  expect(found.filter((text) => /^\d+\.\d$/.test(text!))).toHaveLength(3);
  // White on the darkest cell, dark on the others.
  const colourOf = (text: string) => new RegExp(`<text[^>]*fill="([^"]*)"[^>]*>${text}</text>`).exec(svg)![1];
  expect(['10.0', '20.0', '30.0'].map(colourOf)).toEqual(['#ffffff', '#1b1f24', '#1b1f24']);
});

it('heatMap of nothing is nothing, and of one value a map', () => {
  expect(heatMap(['0'], [{ name: 'query', values: [null] }], 'layer')).toBe('');
  expect(texts(heatMap(['0'], [{ name: 'query', values: [7] }], 'layer'))).toContain('7.0');
});

it('heatMap colours by the scale that it is given', () => {
  const rows = [{ name: 'query', values: [10, 20] }];
  const fill = (svg: string) => svg.match(/<path[^>]*fill="(?!none)([^"]*)"/g);
  const own = heatMap(['0', '1'], rows, 'layer');
  expect(fill(heatMap(['0', '1'], rows, 'layer', { min: 10, max: 20 }))).toEqual(fill(own));
  expect(fill(heatMap(['0', '1'], rows, 'layer', { min: 0, max: 20 }))).not.toEqual(fill(own));
});

it('lineChart writes the powers of ten of its scale', () => {
  const svg = lineChart(['0', '1'], [{ name: 'query', values: [3e-7, 0.02] }], 'error');
  expect(texts(svg)).toEqual(expect.arrayContaining(['1e-6', '1e-5', '1e-3', 'error']));
  expect(svg).toContain('<li style="--colour: #808080">query</li>');
});

it("charts take the colour of the page's text", () => {
  const ranges = [{ low: 40, high: 60 }];
  const bars = barChart(['en'], [{ name: 'fp32', values: [50], ranges }]);
  const lines = lineChart(['0'], [{ name: 'query', values: [1] }], 'error');
  for (const svg of [bars, lines, heatMap(['0'], [{ name: 'query', values: [7] }], 'layer')]) {
    const outsideCells = svg.replace(/<text[^>]*>7\.0<\/text>/, '');
    for (const [text] of outsideCells.matchAll(/<text[^>]*>/g)) expect(text).toContain('fill="currentColor"');
  }
  expect(bars.match(/stroke="currentColor"/g)!.length).toBeGreaterThanOrEqual(3);
});

it('barChart gives each series its colour, with intervals or without', () => {
  const ranges = [{ low: 40, high: 60 }];
  const series = ['fp32', 'PTQ', 'SDQ'].map((name) => ({ name, values: [50], ranges }));
  for (const colour of COLOURS.slice(0, 3)) expect(barChart(['en'], series)).toContain(`fill="${colour}"`);
  expect(barChart(['en'], series)).not.toContain(`fill="${COLOURS[3]}"`);
});

it('pages and tables escape what they show', () => {
  expect(htmlPage('a<b', '')).toContain('<title>a&lt;b</title>');
  expect(tableHtml([['x'], ['"&"']])).toContain('<td>&quot;&amp;&quot;</td>');
});
