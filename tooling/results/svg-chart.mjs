// A chart of echarts as the text of an SVG file, without a background, so that it lies on white and on black.
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

use([SVGRenderer]);

/** @param option - of echarts; its charts and components must be in use */
export function svgChart(width, height, option) {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: 'transparent', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
