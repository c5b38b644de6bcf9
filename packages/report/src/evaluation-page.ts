import {
  type Evaluation,
  languagesThat,
  type ModelScores,
  points,
  type Range95,
  sortLanguages,
} from '@sdq/core/results';
import {
  barChart,
  escapeHtml,
  htmlPage,
  listHtml,
  METRIC_NAMES,
  pValue,
  signedPoints,
  tableHtml,
} from './page.ts';

/**
 * An evaluation as rows of text: a row a language with its score, its 95 % interval and the number of examples; with
 * `against` the score from before, the change, its p value and the one adjusted for the number of languages. The average is
 * last, with its own interval and p value, in which an example and its translations are one unit.
 */
export function evaluationTable(evaluation: Evaluation): string[][] {
  const { scores, intervals, examples, cut, against } = evaluation;
  const languages = sortLanguages(Object.keys(scores));
  const anyCut = languages.some((language) => cut[language]! > 0);
  const head = ['', 'score', '95 % interval', 'examples', ...(anyCut ? ['cut'] : [])];
  const compared = against ? ['before', 'change', 'p', 'p (Holm)', ''] : [];
  const blank = (count: number) => new Array<string>(count).fill('');
  return [
    [...head, ...compared],
    ...languages.map((language) => {
      const row = [
        language,
        points(scores[language]!),
        rangeOf(intervals[language]!),
        String(examples[language]!),
        ...(anyCut ? [String(cut[language]!)] : []),
      ];
      if (!against) return row;
      const { difference, p, adjustedP, verdict } = against.changes[language]!;
      return [
        ...row,
        points(against.scores[language]!),
        signedPoints(difference),
        pValue(p),
        pValue(adjustedP),
        verdict === 'same' ? '' : verdict,
      ];
    }),
    [
      'average',
      points(evaluation.average),
      rangeOf(evaluation.averageInterval),
      ...blank(head.length - 3),
      ...(against
        ? [
            points(against.average),
            signedPoints(evaluation.average - against.average),
            pValue(against.averageChange.p),
            ...blank(2),
          ]
        : []),
    ],
  ];
}

const rangeOf = ({ low, high }: Range95): string => `${points(low)} to ${points(high)}`;

/** What an evaluation shows beyond the table, one sentence each: the gap between languages, which ones lost. */
export function evaluationSentences(evaluation: Evaluation): string[] {
  const { against } = evaluation;
  const sentences = [gapSentence(against ? 'After: ' : '', evaluation)];
  if (against) {
    sentences.unshift(gapSentence('Before: ', against));
    const change = evaluation.fairness.gap - against.fairness.gap;
    sentences.push(
      `The gap between the best and the worst language changed by ${signedPoints(change)} points.`,
    );
    const lost = languagesThat('lost', against.changes);
    const gained = languagesThat('gained', against.changes);
    sentences.push(
      lost.length > 0
        ? `Lost significantly (p below .05 after Holm's correction): ${lost.join(', ')}.`
        : "No language lost significantly (p below .05 after Holm's correction).",
    );
    if (gained.length > 0) sentences.push(`Gained significantly: ${gained.join(', ')}.`);
  }
  const cut = Object.values(evaluation.cut).reduce((sum, count) => sum + count, 0);
  if (cut > 0)
    sentences.push(
      `${cut} examples were longer than ${evaluation.maxLength} tokens: their ends were left out.`,
    );
  if (evaluation.unofficialLanguages.length > 0) {
    sentences.push(
      `Beyond the official benchmark's languages: ${evaluation.unofficialLanguages.join(', ')}.`,
    );
  }
  return [...sentences, ...evaluation.remarks];
}

function gapSentence(when: string, { scores, fairness: { best, worst, gap } }: ModelScores): string {
  return (
    `${when}best language ${best} (${points(scores[best]!)}), worst ${worst} (${points(scores[worst]!)}), ` +
    `a gap of ${points(gap)} points.`
  );
}

/** An evaluation as one self-contained HTML page. */
export function evaluationPage(evaluation: Evaluation): string {
  const languages = sortLanguages(Object.keys(evaluation.scores));
  const { against } = evaluation;
  const series = (name: string, model: ModelScores) => ({
    name,
    values: languages.map((language) => 100 * model.scores[language]!),
    ranges: languages.map((language) => ({
      low: 100 * model.intervals[language]!.low,
      high: 100 * model.intervals[language]!.high,
    })),
  });
  const kind = (model: ModelScores) =>
    `${model.model} (${model.precision ?? (model.quantized ? 'quantized' : 'in floats')})`;
  const metric = METRIC_NAMES[evaluation.metric] ?? evaluation.metric;
  return htmlPage(
    `sdq: ${evaluation.task}`,
    `<p class="lead">${escapeHtml(`${kind(evaluation)}${against ? `, compared with ${kind(against)}` : ''}`)}</p>
${listHtml(evaluationSentences(evaluation))}
<h2>Score per language</h2>
<p>${escapeHtml(metric)}, in points of 100; lines and intervals hold the true score with 95 % confidence. An example and its translations count once in those of the average.</p>
${barChart(languages, [...(against ? [series('before', against)] : []), series(against ? 'after' : 'score', evaluation)])}
${tableHtml(evaluationTable(evaluation))}`,
  );
}
