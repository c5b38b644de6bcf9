import type { Analysis } from '@sdq/core/results';
import { attentionFinding, decibels, placeErrors, placeOf } from './analysis.ts';
import { escapeHtml, heatMap, htmlPage, lineChart, tableHtml } from './page.ts';

/** A self-contained HTML page about where quantization loses what. */
export function analysisPage(analysis: Analysis): string {
  return htmlPage(`sdq: ${analysis.task}, error per site`, analysisHtml(analysis));
}

/** The same as a part of a report. */
export function analysisHtml(analysis: Analysis): string {
  const { ptq, student } = analysis.errors;
  const kinds = [
    ['Quantized after training', ptq] as const,
    ...(student ? [[studentName(analysis), student] as const] : []),
  ];
  const scale = (kind: 'accumulated' | 'local') => {
    const found = kinds.flatMap(([, errors]) =>
      outputsOf(errors).flatMap(({ [kind]: { sqnr } }) => sqnr ?? []),
    );
    return { min: Math.min(...found), max: Math.max(...found) };
  };
  return `<h2>Error per site</h2>
<p>${escapeHtml(`After training by the plan ${analysis.plan}; ${analysis.tokens} tokens of dev text in ${analysis.languages.join(', ')}. SQNR in dB, the larger the better: 20 dB more is a tenth of the error. Dark cells have lost most, on one scale for all maps of a kind; an empty cell has lost nothing.`)}</p>
${kinds
  .map(
    ([name, errors]) => `<p class="lead">${escapeHtml(`${name}: ${attentionFinding(errors)}`)}</p>
<h3>${escapeHtml(`${name}: accumulated error, dB`)}</h3>
${errorChart(errors, 'accumulated', scale('accumulated'))}
<h3>${escapeHtml(`${name}: own error of each output, dB`)}</h3>
${errorChart(errors, 'local', scale('local'))}
${tableHtml(placeTable(errors))}`,
  )
  .join('\n')}
${analysis.sensitivity ? sensitivityHtml(analysis.sensitivity) : ''}`;
}

/** What to call the student in sentences. */
export function studentName({ studentLabel }: Pick<Analysis, 'studentLabel'>): string {
  return studentLabel === undefined ? 'The student' : `The student, ${studentLabel}`;
}

/** The mean error of each place in the layers as rows of text, the largest first. */
export function placeTable(errors: Analysis['errors']['ptq']): string[][] {
  return [
    ['output', 'accumulated SQNR', 'accumulated MSE', 'own SQNR'],
    ...placeErrors(errors).map(({ place, part, sqnr, mse, localSqnr }) => [
      part === 'attention' ? `${place} (heads)` : place,
      decibels(sqnr),
      mse.toExponential(1),
      decibels(localSqnr),
    ]),
  ];
}

/** The sites to which the logits are most sensitive as rows of text, the worst first. */
export function sensitivityTable(
  sites: NonNullable<Analysis['sensitivity']>['sites'],
  count: number,
): string[][] {
  const most = [...sites].sort((a, b) => b.only.error - a.only.error).slice(0, count);
  return [
    ['most sensitive', 'only this', 'changed', 'all but this', 'changed'],
    ...most.map(({ site, only, allBut }) => [
      site,
      ...[only, allBut].flatMap(({ error, changed }) => [error.toExponential(1), percent(changed)]),
    ]),
  ];
}

/** A row a place in the layers, in the order of the forward pass; a column a layer. */
function errorChart(
  errors: Analysis['errors']['ptq'],
  kind: 'local' | 'accumulated',
  scale: Parameters<typeof heatMap>[3],
): string {
  const { layers, rows } = byLayer(
    outputsOf(errors).map((error) => ({ site: error.site, value: error[kind].sqnr })),
  );
  return heatMap(layers, rows, 'layer', scale);
}

function outputsOf(errors: Analysis['errors']['ptq']) {
  return errors.filter(({ part }) => part !== 'weight' && part !== 'input');
}

function sensitivityHtml({ all, sites }: NonNullable<Analysis['sensitivity']>): string {
  return `<h2>Sensitivity</h2>
<p>${escapeHtml(`How far the logits move: squared error relative to their square, and the predictions that change. With the whole plan quantized the error is ${all.error.toExponential(1)}, and ${percent(all.changed)} change. A site that stands out in the first plot costs much by itself; one that lies low in the second is worth leaving in floats.`)}</p>
<h3>With only this site quantized</h3>
${layerChart(sites.map(({ site, only }) => ({ site, value: only.error > 0 ? only.error : null })))}
<h3>With all but this site quantized</h3>
${layerChart(sites.map(({ site, allBut }) => ({ site, value: allBut.error > 0 ? allBut.error : null })))}
${tableHtml(sensitivityTable(sites, 12))}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** A line a place in the layers, over the layers; both plots have the same kind of scale. */
function layerChart(values: readonly SiteValue[]): string {
  const { layers, rows } = byLayer(values);
  return lineChart(layers, rows, 'relative squared error');
}

interface SiteValue {
  readonly site: string;
  readonly value: number | null;
}

/** The values of each place in the layers, by layer; null where there is none. */
function byLayer(values: readonly SiteValue[]) {
  const places = new Map<string, (number | null)[]>();
  for (const { site, value } of values) {
    const found = placeOf(site);
    if (!found) continue;
    const row = places.get(found.place) ?? [];
    row[found.layer] = value;
    places.set(found.place, row);
  }
  const count = Math.max(0, ...[...places.values()].map(({ length }) => length));
  const layers = Array.from({ length: count }, (_, i) => String(i));
  // The beginning that all names share says nothing.
  const short = (place: string) => place.slice(place.indexOf('*.') + 2);
  const rows = [...places].map(([place, row]) => ({
    name: short(place),
    values: layers.map((_, i) => row[i] ?? null),
  }));
  return { layers, rows };
}
