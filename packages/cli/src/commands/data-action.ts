import { listed } from '@sdq/core';
import { checkData, type SplitReport } from '@sdq/xglue';
import { textTable } from '../terminal/index.ts';

/** `sdq data check`: what a data folder holds, lacks and gets wrong. */
export function dataCheckAction(folder: string, flags: { json?: boolean }): void {
  const report = checkData(folder);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    const head = [
      'task',
      'split',
      'language',
      'examples',
      'repeated',
      'in other splits',
      'bad lines',
      'most frequent labels',
    ];
    process.stdout.write(`${textTable([head, ...report.splits.map(row)])}\n\n`);
    for (const { problems, unreadable, remarks } of report.splits) {
      for (const line of [...problems, ...remarks]) process.stdout.write(`${line}\n`);
      const unnamed = unreadable - problems.length;
      if (unnamed > 0) process.stdout.write(`... and ${unnamed} more in the same file.\n`);
    }
    for (const problem of report.problems) process.stdout.write(`${problem}\n`);
    if (report.absentTasks.length > 0)
      process.stdout.write(`Tasks without a folder: ${report.absentTasks.join(', ')}\n`);
    if (report.absentLanguages.length > 0) {
      process.stdout.write(`Official languages that are not there: ${report.absentLanguages.join('; ')}\n`);
    }
  }
  // As a linter does: lines that do not parse are a mistake in the data.
  if (report.problems.length > 0 || report.splits.some(({ unreadable }) => unreadable > 0)) {
    process.exitCode = 2;
  }
}

function row(split: SplitReport): string[] {
  const labels = Object.entries(split.labels).sort(([, a], [, b]) => b - a);
  const shared = Object.values(split.shared).reduce((sum, count) => sum + count, 0);
  return [
    split.task,
    split.split,
    split.official ? split.language : `${split.language} (unofficial)`,
    String(split.examples),
    String(split.repeated),
    String(shared),
    String(split.unreadable),
    labels
      .slice(0, 3)
      .map(([label, count]) => `${listed([label])} ${count}`)
      .join(', '),
  ];
}
