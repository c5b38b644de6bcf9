import { scorePredictions } from '@sdq/xglue';
import { splitFlag } from '../flags/index.ts';
import { textTable } from '../terminal/index.ts';

/** `sdq score`: the official scores of prediction files. */
export function scoreAction(flags: {
  task?: string[];
  gold: string;
  predictions: string;
  split: string;
  languages?: string[];
  json?: boolean;
}): void {
  const sheet = scorePredictions({
    gold: flags.gold,
    predictions: flags.predictions,
    split: splitFlag(flags.split),
    ...(flags.task && { tasks: flags.task }),
    ...(flags.languages && { languages: flags.languages }),
  });
  for (const warning of sheet.warnings) process.stderr.write(`${warning}\n`);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ scores: sheet.scores, average: sheet.average })}\n`);
    return;
  }
  const rows = Object.entries(sheet.scores).flatMap(([task, byLanguage]) => [
    ...Object.entries(byLanguage).map(([language, score]) => [task, language, points(score)]),
    [task, 'average', points(sheet.average[task]!)],
  ]);
  process.stdout.write(`${textTable([['task', 'language', 'score'], ...rows])}\n`);
  process.stdout.write(`\nMean of the tasks' averages: ${points(sheet.overall)}\n`);
}

function points(score: number): string {
  return (100 * score).toFixed(2);
}
