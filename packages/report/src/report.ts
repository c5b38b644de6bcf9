import { basename } from 'node:path';
import {
  type Analysis,
  languagesThat,
  METHODS,
  markedLabel,
  meanScore,
  type Results,
  scoredVersions,
  scoreTable,
  sortLanguages,
  studentVersion,
  trainingSentence,
  versionLabel,
} from '@sdq/core/results';
import { analysisHtml } from './analysis-page.ts';
import {
  barChart,
  COLOURS,
  escapeHtml,
  factsHtml,
  htmlPage,
  listHtml,
  METRIC_NAMES,
  points,
  pValue,
  signedPoints,
  tableHtml,
  warningsHtml,
} from './page.ts';

/**
 * One self-contained HTML page about a run: scores per language, what each version lost and whether that is
 * significant, the gap between languages, sizes, speed, where the error is if that was analyzed, and how to repeat it.
 */
export function reportPage(results: Results, analysis?: Analysis): string {
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  const { out } = results.config;
  const trained = [trainingSentence(results)].map((sentence) => (sentence ? ` ${sentence}` : '')).join('');
  return htmlPage(
    `sdq: ${results.task}`,
    `<p class="note">${escapeHtml(subject(results))}</p>
<p class="lead">${lead(results)}</p>
${facts(results)}
${warningsHtml(warnings(results))}
${listHtml(notes(results))}
<h2>Score per language</h2>
<p>${escapeHtml(METRIC_NAMES[results.metric] ?? results.metric)}, in points of 100.${escapeHtml(trained)} The lines on the bars are 95 % intervals: they hold the chance in the choice of examples, not that of another seed.${averagesSentence(results)}</p>
${scoreChart(results)}
${tableHtml(scoreTable(results.scores, results))}
<h2>Change against fp32</h2>
<p>${escapeHtml(changeSentence(results))}</p>
${changeChart(results)}
<p>In points of 100, with the p value of a paired test by approximate randomisation, adjusted for the number of languages by Holm's method; that of the average is of one test of its own, in which an example and its translations count once. Differences with a p of .05 or more may be chance.</p>
${tableHtml(changeRows(results))}
<h2>Between languages</h2>
${tableHtml(fairnessRows(results))}
<h2>Size</h2>
${tableHtml(sizeRows(results))}
<h2>Speed</h2>
${tableHtml(speedRows(results))}
${analysis ? analysisHtml(analysis) : notAnalyzed(results)}
<h2>How to repeat it</h2>
<pre>${escapeHtml(`sdq run --config ${quoted(`${out}/config.json`)} --out ${quoted(`${out}-again`)}`)}</pre>
<p>The run's <code>config.json</code> has the whole configuration, seed included; its folders are relative to where the command is given.</p>
<details><summary>The whole configuration</summary><pre>${escapeHtml(JSON.stringify(results.config, null, 2))}</pre></details>
<p class="note">${escapeHtml(`${versions.join(', ')}; ${results.backend}; ${results.machine}.`)}</p>`,
  );
}

function notAnalyzed({ config }: Results): string {
  const command = escapeHtml(`sdq analyze ${quoted(config.out)}`);
  return `<h2>Error per site</h2>\n<p>Not measured yet: <code>${command}</code> adds it here.</p>`;
}

/** A path as a word of a shell's command. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function lead(results: Results): string {
  const fp32 = results.average.fp32!;
  const student = studentVersion(results);
  if (student === undefined) return escapeHtml(`The fp32 teacher scores ${points(fp32)} on average.`);
  const score = results.average[student]!;
  const ratio = results.bytes.fp32 / results.bytes[student]!;
  return escapeHtml(
    `The quantized student, ${versionLabel(student, results.config)}, is ${ratio.toFixed(1)} times smaller and scores ${points(score)} on average over ` +
      `${Object.keys(results.scores.fp32!).length} languages, where the fp32 teacher scores ${points(fp32)} (${signedPoints(score - fp32)} points). ` +
      verdict(results, student),
  );
}

function verdict(results: Results, student: string): string {
  const changes = results.changes[student] ?? {};
  const lost = languagesThat('lost', changes);
  return lost.length === 0
    ? 'No language lost significantly.'
    : `It lost significantly in ${lost.join(', ')}.`;
}

/** What the page is about: what started the run, and how. */
function subject({ config, examples, metric }: Results): string {
  const { model, teacher, plan, seed } = config;
  const start = teacher === undefined ? basename(model) : `the teacher ${teacher}`;
  const counts = Object.values(examples);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  return [
    start,
    typeof plan === 'string' ? plan.toUpperCase() : 'a plan of its own',
    `seed ${seed}`,
    `${METRIC_NAMES[metric] ?? metric} on ${fewest === most ? fewest : `${fewest} to ${most}`} dev examples a language`,
  ].join(' · ');
}

/** The report in four numbers. */
function facts(results: Results): string {
  const student = studentVersion(results);
  if (student === undefined) return '';
  const { bytes, average } = results;
  const changes = results.changes[student] ?? {};
  const languages = Object.keys(changes);
  const worst = languages.sort((a, b) => changes[a]!.difference - changes[b]!.difference)[0];
  const lost = languagesThat('lost', changes).length;
  return factsHtml([
    [
      megabytes(bytes[student]!),
      `on disk, ${((100 * bytes[student]!) / bytes.fp32).toFixed(1)} % of fp32's ${megabytes(bytes.fp32)}`,
    ],
    [points(average[student]!), `average score; fp32 ${points(average.fp32!)}`],
    ...(worst === undefined
      ? []
      : ([
          [`${lost} of ${languages.length}`, 'languages lost significantly'],
          [
            `${signedPoints(changes[worst]!.difference)}`,
            `points in ${worst}, ${changes[worst]!.difference < 0 ? 'the largest loss' : 'the least change'}`,
          ],
        ] as const)),
  ]);
}

/** What the plot of changes shows. */
function changeSentence(results: Results): string {
  const all = Object.entries(results.changes).flatMap(([version, changes]) =>
    Object.entries(changes).map(([language, change]) => ({ version, language, ...change })),
  );
  const worst = all.sort((a, b) => a.difference - b.difference)[0];
  if (worst === undefined) return 'No version was compared.';
  const name = versionLabel(worst.version, results.config);
  const largest =
    worst.difference < 0
      ? `The largest loss is ${points(-worst.difference)} points, of ${name} in ${worst.language}`
      : 'No version scores lower in any language';
  const lost = all.filter(({ verdict }) => verdict === 'lost').length;
  return `${largest}; of ${all.length} changes ${lost === 0 ? 'none is a loss that is significant' : `${lost} are losses that are significant`}.`;
}

function warnings(results: Results): string[] {
  const found: string[] = [];
  const { fp32 } = results.scores;
  const { devLimit, trainLimit } = results.config;
  if (trainLimit !== undefined) found.push(`Only the first ${trainLimit} training examples were used.`);
  if (devLimit !== undefined) {
    found.push(`Each language was scored on its first ${devLimit} dev examples at most.`);
  }
  const small = Object.values(results.examples).filter((count) => count < 200);
  if (small.length > 0) {
    const fewest = Math.min(...small);
    const languages = small.length === 1 ? '1 language has' : `${small.length} languages have`;
    found.push(
      `${languages} fewer than 200 dev examples (the fewest: ${fewest}), where one example moves the score by ${(100 / fewest).toFixed(1)} points.`,
    );
  }
  const weak = Object.keys(fp32!).filter((language) => fp32![language]! < results.majority[language]! + 0.02);
  if (results.metric === 'accuracy' && weak.length > 0) {
    found.push(
      `In ${weak.join(', ')} the fp32 teacher is hardly better than always guessing the most frequent label: there is nothing to keep.`,
    );
  }
  for (const version of scoredVersions(results.scores)) {
    const lost = languagesThat('lost', results.changes[version] ?? {});
    if (lost.length > 0) {
      found.push(`${versionLabel(version, results.config)} lost significantly in ${lost.join(', ')}.`);
    }
  }
  // Older runs have no such check.
  for (const [key, { equal, samePredictions }] of Object.entries(results.finish ?? {})) {
    if (equal) continue;
    found.push(
      `The finished integer model of ${METHODS.find((method) => method.key === key)?.label(results.config) ?? key} is not the model that was trained: ${(100 * samePredictions).toFixed(1)} % of its predictions are the same.`,
    );
  }
  const cut = Object.values(results.cut).reduce((sum, count) => sum + count, 0);
  if (cut > 0)
    found.push(
      `${cut} dev examples were longer than ${results.config.maxLength} tokens: their ends were left out.`,
    );
  return found;
}

/** What is good to know. */
function notes({ unofficialLanguages, remarks, averageIntervals, ptq, config, average }: Results): string[] {
  const found = [...remarks];
  const count = Object.keys(ptq?.distances ?? {}).length;
  if (ptq !== undefined && count > 1) {
    found.unshift(
      `The best of ${count} ways to quantize without training is ${versionLabel(ptq.best, config)}, ${points(average[ptq.best]!)} on average: its logits are the closest to fp32's on training text that is held out.`,
    );
  }
  if (unofficialLanguages.length > 0) {
    found.unshift(`Beyond the official benchmark's languages: ${unofficialLanguages.join(', ')}.`);
  }
  if (averageIntervals === undefined) {
    found.unshift(
      'The intervals and p values are those of an older version, which took every example for independent: they are withdrawn. Run the same command again to compute them anew.',
    );
  }
  return found;
}

/** The interval of each version's average. */
function averagesSentence(results: Results): string {
  const found = scoredVersions(results.scores).flatMap((version) => {
    const range = results.averageIntervals?.[version];
    const name = versionLabel(version, results.config);
    return range ? [`${name} ${points(range.low)} to ${points(range.high)}`] : [];
  });
  if (found.length === 0) return '';
  return escapeHtml(
    ` Those of the averages, where an example and its translations count once: ${found.join('; ')}.`,
  );
}

function scoreChart(results: Results): string {
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  return barChart(
    languages,
    scoredVersions(results.scores).map((version) => ({
      name: markedLabel(version, results),
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
      return { name: markedLabel(version, results), values: [...languages.map(change), average] };
    }),
    COLOURS.slice(1),
  );
}

function changeRows(results: Results): string[][] {
  const { averageChanges } = results;
  const versions = scoredVersions(results.scores).filter((version) => version in results.changes);
  const languages = sortLanguages(Object.keys(results.scores.fp32!));
  return [
    ['', ...versions.flatMap((version) => [markedLabel(version, results), 'p'])],
    ...languages.map((language) => [
      language,
      ...versions.flatMap((version) => {
        const { difference, adjustedP, verdict } = results.changes[version]![language]!;
        return [`${signedPoints(difference)}${verdict === 'same' ? '' : ` ${verdict}`}`, pValue(adjustedP)];
      }),
    ]),
    ...(averageChanges
      ? [
          [
            'average',
            ...versions.flatMap((version) => {
              const { difference, p } = averageChanges[version]!;
              return [signedPoints(difference), pValue(p)];
            }),
          ],
        ]
      : []),
  ];
}

function fairnessRows(results: Results): string[][] {
  const score = (version: string, language: string) =>
    `${language} ${points(results.scores[version]![language]!)}`;
  return [
    ['', 'best language', 'worst language', 'gap'],
    ...scoredVersions(results.scores).map((version) => {
      const { best, worst, gap } = results.fairness[version]!;
      return [markedLabel(version, results), score(version, best), score(version, worst), points(gap)];
    }),
  ];
}

/** What the parts of the weights file need, and the whole file. */
function sizeRows(results: Results): string[][] {
  const { bytes, bytesByPart } = results;
  const student = studentVersion(results);
  const row = (name: string, fp32: number, small: number | undefined) => [
    name,
    megabytes(fp32),
    ...(small === undefined ? [] : [megabytes(small), `${((100 * small) / fp32).toFixed(1)} %`]),
  ];
  return [
    [
      '',
      'fp32 teacher',
      ...(student === undefined ? [] : [versionLabel(student, results.config), 'of fp32']),
    ],
    ...(bytesByPart
      ? (['embeddings', 'layers', 'head'] as const).map((part) =>
          row(part, bytesByPart.fp32![part], student === undefined ? undefined : bytesByPart[student]![part]),
        )
      : []),
    row('the whole file', bytes.fp32, student === undefined ? undefined : bytes[student]),
  ];
}

function speedRows(results: Results): string[][] {
  const { trainTokensPerSecond: speed } = results;
  return [
    ['', 'in this run'],
    ...(speed === null ? [] : [['training speed', `${Math.round(speed).toLocaleString('en')} tokens/s`]]),
    ['peak memory', megabytes(results.peakMemoryBytes)],
    ...Object.entries(results.stageSeconds).map(([stage, seconds]) => [stage, `${seconds.toFixed(0)} s`]),
    ['whole run', `${results.seconds.toFixed(0)} s`],
  ];
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
