import { listed, type SdqError } from '@sdq/core';
import type { TextExample } from './examples.ts';
import { isHeader, isJsonLine, looksLikeCsv } from './file-kind.ts';
import { badLine, type Line, readLines } from './lines.ts';
import { checkLabel, type ReadRequest } from './read-request.ts';

/** Where the parts of an example stand in a line. */
interface ColumnLayout {
  readonly header: boolean;
  readonly texts: readonly number[];
  readonly label: number;
  /** The column of the example's id, where it has one. */
  readonly id?: number;
  readonly columns: readonly string[];
  /** Whether more columns may follow. */
  readonly open: boolean;
}

/** The tasks of one example a line: NC, XNLI, PAWSX, QADSM, WPR, QAM. */
export function* readColumns(request: ReadRequest): Generator<TextExample> {
  const layout = layoutOf(request);
  for (const line of readLines(request.source.file, request.events)) {
    if (layout.header && line.number === 1) checkHeader(request, layout, line);
    else if (line.number === 1 && isHeader(line.text.split('\t'))) {
      request.events.fail(headerError(request.source.file, line.text.split('\t')));
    } else if (line.text.trim() === '' && layout.header) {
      request.events.note({ kind: 'blank-line', file: request.source.file, line: line.number });
    } else {
      const example = readLine(request, layout, line);
      if (example !== undefined) yield example;
    }
  }
}

function readLine(request: ReadRequest, layout: ColumnLayout, line: Line): TextExample | undefined {
  const { source, events } = request;
  const fields = line.text.split('\t');
  if (source.combined && fields[0] !== request.language) return undefined;
  const needed = layout.columns.length;
  const unlabelled = request.unlabelled && fields.length === needed - 1 && layout.label === needed - 1;
  if (!unlabelled && (fields.length < needed || (fields.length > needed && !layout.open))) {
    events.fail(badLine(source.file, line.number, notColumns(line.text, layout.columns)));
    return undefined;
  }
  const texts = layout.texts.map((column) => fields[column]!.trim());
  const kept = texts.filter((text) => text !== '');
  for (let i = kept.length; i < texts.length; i++) {
    events.note({ kind: 'empty-field', file: source.file, line: line.number });
  }
  if (kept.length === 0) {
    events.fail(badLine(source.file, line.number, 'has no text'));
    return undefined;
  }
  const named = {
    ...(request.info.kind === 'ranking' && { query: fields[0]! }),
    ...(layout.id !== undefined && { id: fields[layout.id]!.trim() }),
  };
  if (unlabelled) return { kind: 'text', texts: kept, label: '', ...named };
  const given = canonical(fields[layout.label]!.trim());
  const label = checkLabel(request, given, line.number, swapped(request, layout, fields));
  return label === undefined ? undefined : { kind: 'text', texts: kept, label, ...named };
}

function layoutOf(request: ReadRequest): ColumnLayout {
  const columns = request.info.columns ?? [];
  const plain = { columns, texts: range(0, columns.length - 1), label: columns.length - 1, open: false };
  if (request.source.combined) {
    // The XNLI corpus' own file: its sixth to eighth columns are the sentences and the pair's id.
    const names =
      'language gold_label sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse sentence1 sentence2';
    return { columns: names.split(' '), header: true, texts: [6, 7], label: 1, open: true };
  }
  if (request.info.name === 'PAWSX') return { ...plain, header: true, texts: [1, 2], id: 0 };
  return { ...plain, header: request.info.name === 'XNLI' && request.split === 'train' };
}

/** What a line has instead of a task's columns. */
export function notColumns(text: string, columns: readonly string[]): string {
  const expected = `expected ${columns.length} (${columns.join(', ')})`;
  if (isJsonLine(text)) return `is JSON: ${expected} columns divided by tabs`;
  const found = `has ${count(text.split('\t').length, 'column')}: ${expected}`;
  return looksLikeCsv(text) ? `${found} divided by tabs, and this looks like CSV` : found;
}

/** The error for a first line that names the columns, in a file that should have none. */
export function headerError(file: string, fields: readonly string[]): SdqError {
  const names = listed(fields.map((field) => field.trim()));
  return badLine(file, 1, `is a header (${names}), and the file should have none: delete the line`);
}

/** A hint for a line whose label is none: another column that has one. */
function swapped({ labels }: ReadRequest, layout: ColumnLayout, fields: readonly string[]): string {
  const column = fields.findIndex((field) => labels.has(canonical(field.trim())));
  return column < 0
    ? ''
    : `, as column ${column + 1} has: the columns should be ${layout.columns.join(', ')}`;
}

/** A file whose header was cut off would silently lose its first example. */
function checkHeader(request: ReadRequest, layout: ColumnLayout, line: Line): void {
  const label = line.text.split('\t')[layout.label]?.trim();
  if (label !== undefined && request.labels.has(canonical(label))) {
    const expected = `expected a header (${layout.columns.join(', ')})`;
    request.events.fail(badLine(request.source.file, line.number, `is an example: ${expected}`));
  }
}

/** MultiNLI's training file says "contradictory". */
const canonical = (label: string): string => (label === 'contradictory' ? 'contradiction' : label);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
