// What each version keeps of its teacher in the zero-shot languages at each plan, a panel a task, as a picture, from the
// folders of sweeps: `node tooling/results/tasks-picture.mjs picture.svg runs/methods runs/quant-noise`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zeroShotName } from '@sdq/core/results';
import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { use } from 'echarts/core';
import { svgChart } from './svg-chart.mjs';
import { keptShare, labelOf, plansOf, readTasks, runsOf, zeroShot } from './tasks-table.mjs';

use([LineChart, GridComponent, LegendComponent, TitleComponent]);

// Colours that people with any colour vision tell apart, on white and on black.
const LOOK = {
  'ptq-min-max': { color: '#7a7a7a', symbol: 'triangle' },
  qat: { color: '#D55E00', symbol: 'diamond' },
  qnat: { color: '#B07AA1', symbol: 'rect' },
  sdq: { color: '#2E8BC9', symbol: 'circle' },
};
const FLOOR = 60;

/** The share of fp32's zero-shot average that a version keeps under each plan, the mean over its seeds; nothing where no run has it. */
export function keptZeroShot(task, plans, version) {
  return plans.map((plan) => {
    const runs = runsOf(task, plan, version);
    return runs.length > 0 ? keptShare(runs, version, zeroShot) : undefined;
  });
}

/** @param {string[]} args */
function main([picture, ...folders]) {
  const tasks = readTasks(folders);
  const runs = tasks.flatMap((task) => task.runs);
  const plans = plansOf(tasks);
  const ink = { color: '#7a7a7a', fontSize: 12 };
  const [left, width, gap] = [52, 132, 18];
  const line = { showMaxLine: false, lineStyle: { color: '#7a7a7a', opacity: 0.3 } };
  const svg = svgChart(left + tasks.length * (width + gap), 330, {
    legend: { top: 4, textStyle: ink },
    title: tasks.map(({ task }, i) => ({
      text: task,
      left: left + i * (width + gap) + width / 2,
      top: 34,
      textAlign: 'center',
      textStyle: ink,
    })),
    grid: tasks.map((_, i) => ({ left: left + i * (width + gap), width, top: 60, bottom: 30 })),
    xAxis: tasks.map((_, gridIndex) => ({ gridIndex, type: 'category', data: plans, axisLabel: ink })),
    yAxis: tasks.map((_, gridIndex) => ({
      gridIndex,
      type: 'value',
      min: FLOOR,
      max: 102,
      interval: 10,
      splitLine: line,
      axisLabel: { ...ink, show: gridIndex === 0 },
      ...(gridIndex === 0 && {
        name: `kept of fp32, ${zeroShotName(runs) === 'zero-shot' ? 'zero-shot languages' : 'languages without en'}, %`,
        nameLocation: 'middle',
        nameGap: 34,
        nameTextStyle: ink,
      }),
    })),
    series: Object.entries(LOOK).flatMap(([version, { color, symbol }]) =>
      tasks.map((task, i) => ({
        type: 'line',
        name: labelOf(
          runs.filter(({ scores }) => version in scores),
          version,
        ),
        xAxisIndex: i,
        yAxisIndex: i,
        color,
        symbol,
        symbolSize: 7,
        data: keptZeroShot(task, plans, version).map((share) => (share === undefined ? '-' : 100 * share)),
      })),
    ),
  });
  writeFileSync(picture, svg);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
