import type { Analysis } from './analysis.ts';
import { analysisHtml } from './analysis-page.ts';
import { languagesThat } from './comparison.ts';
import {
  barChart,
  COLOURS,
  escapeHtml,
  htmlPage,
  METRIC_NAMES,
  points,
  pValue,
  signedPoints,
  tableHtml,
  warningsHtml,
} from './page.ts';
import {
  meanScore,
  type Results,
  scoredVersions,
  scoreTable,
  sortLanguages,
  versionLabel,
} from './results.ts';

/**
 * One self-contained HTML page about a run: scores per language, what each version lost and whether that is
 * significant, the gap between languages, sizes, speed, where the error is if that was analyzed, and how to repeat it.
 */
export function reportPage(results: Results, analysis?: Analysis): string {
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  return htmlPage(
    `sdq: ${results.task}`,
    `<p class="lead">${lead(results)}</p>
${warningsHtml(warnings(results))}
<h2>Score per language</h2>
<p>${escapeHtml(METRIC_NAMES[results.metric] ?? results.metric)}, in points of 100. Only English was trained on: every other language is zero-shot. The lines on the bars are 95 % bootstrap intervals.</p>
${scoreChart(results)}
${tableHtml(scoreTable(results.scores, results.config))}
<h2>Change against fp32</h2>
${changeChart(results)}
<p>In points of 100, with the p value of a paired test by approximate randomisation, adjusted for the number of languages by Holm's method. Differences with a p of .05 or more may be chance.</p>
${tableHtml(changeRows(results))}
<h2>Between languages</h2>
${tableHtml(fairnessRows(results))}
<h2>Size and speed</h2>
${tableHtml(factRows(results))}
${analysis ? analysisHtml(analysis) : ''}
<h2>How to repeat it</h2>
<p>The whole configuration, seed included:</p>
<pre>${escapeHtml(JSON.stringify(results.config, null, 2))}</pre>
<p>${escapeHtml(versions.join(', '))}; ${escapeHtml(results.machine)}.</p>`,
  );
}

function lead(results: Results): string {
  const fp32 = results.average.fp32!;
  const sdq = results.average.sdq;
  if (sdq === undefined) return escapeHtml(`The fp32 teacher scores ${points(fp32)} on average.`);
  const ratio =
    results.bytes.sdq === undefined
      ? ''
      : `${(results.bytes.fp32 / results.bytes.sdq).toFixed(1)} times smaller, `;
  return escapeHtml(
    `The quantized student is ${ratio}and scores ${points(sdq)} on average over ${Object.keys(results.scores.fp32!).length} ` +
      `languages, where the fp32 teacher scores ${points(fp32)} (${signedPoints(sdq - fp32)} points).`,
  );
}

function warnings(results: Results): string[] {
  const found: string[] = [];
  const { fp32 } = results.scores;
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
  const lost = languagesThat('lost', results.changes.sdq ?? {});
  if (lost.length > 0) found.push(`The quantized student lost significantly in ${lost.join(', ')}.`);
  const cut = Object.values(results.cut).reduce((sum, count) => sum + count, 0);
  if (cut > 0) found.push(`${cut} dev examples were longer than the model takes: their ends were left out.`);
  if (results.unofficialLanguages.length > 0) {
    found.push(`Beyond the official benchmark's languages: ${results.unofficialLanguages.join(', ')}.`);
  }
  return [...found, ...results.remarks];
}

function scoreChart(results: Results): string {
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  return barChart(
    languages,
    scoredVersions(results.scores).map((version) => ({
      name: versionLabel(version, results.config),
      values: languages.map((language) => 100 * results.scores[version]![language]!),
      ...(results.intervals[version] && {
        ranges: languages.map((language) => {
          const { low, high } = results.intervals[version]![language]!;
          return { low: 100 * low, high: 100 * high };
        }),
      }),
    })),
  );
}

function changeChart(results: Results): string {
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  const versions = scoredVersions(results.scores).filter((version) => version !== 'fp32');
  return barChart(
    [...languages, 'average'],
    versions.map((version) => {
      const change = (language: string) =>
        100 * (results.scores[version]![language]! - results.scores.fp32![language]!);
      const average = 100 * (meanScore(results.scores[version]!) - meanScore(results.scores.fp32!));
      return { name: versionLabel(version, results.config), values: [...languages.map(change), average] };
    }),
    COLOURS.slice(1),
  );
}

function changeRows(results: Results): string[][] {
  const versions = scoredVersions(results.scores).filter((version) => version in results.changes);
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  return [
    ['', ...versions.flatMap((version) => [versionLabel(version, results.config), 'p'])],
    ...languages.map((language) => [
      language,
      ...versions.flatMap((version) => {
        const { difference, adjustedP, verdict } = results.changes[version]![language]!;
        return [`${signedPoints(difference)}${verdict === 'same' ? '' : ` ${verdict}`}`, pValue(adjustedP)];
      }),
    ]),
  ];
}

function fairnessRows(results: Results): string[][] {
  const score = (version: string, language: string) =>
    `${language} ${points(results.scores[version]![language]!)}`;
  return [
    ['', 'best language', 'worst language', 'gap'],
    ...scoredVersions(results.scores).map((version) => {
      const { best, worst, gap } = results.fairness[version]!;
      return [
        versionLabel(version, results.config),
        score(version, best),
        score(version, worst),
        points(gap),
      ];
    }),
  ];
}

function factRows(results: Results): string[][] {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const facts = [
    ['', ''],
    ['fp32 weights', megabytes(results.bytes.fp32)],
  ];
  if (results.bytes.sdq !== undefined) {
    const share = (100 * results.bytes.sdq) / results.bytes.fp32;
    facts.push(['quantized weights', `${megabytes(results.bytes.sdq)} (${share.toFixed(1)} % of fp32)`]);
  }
  facts.push(
    ['training speed', `${Math.round(results.trainTokensPerSecond).toLocaleString('en')} tokens/s`],
    ['peak memory', megabytes(results.peakMemoryBytes)],
    ...Object.entries(results.stageSeconds).map(([stage, seconds]) => [stage, `${seconds.toFixed(0)} s`]),
    ['whole run', `${results.seconds.toFixed(0)} s`],
  );
  return facts;
}
