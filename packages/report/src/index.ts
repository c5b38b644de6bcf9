export { attentionFinding, type PlaceError, placeErrors } from './analysis.ts';
export { analysisPage, placeTable, sensitivityTable, studentName } from './analysis-page.ts';
export { comparisonTable, type NamedRun } from './comparison-table.ts';
export { evaluationPage, evaluationSentences, evaluationTable } from './evaluation-page.ts';
export { markdownTable } from './markdown-table.ts';
export { reportPage } from './report.ts';
export { sweepPage } from './sweep-page.ts';
export { sweepLanguages, sweepTable } from './sweep-table.ts';
