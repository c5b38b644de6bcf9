import type { WordsExample } from './examples.ts';
import { isHeader, isJsonLine, looksLikeCsv } from './file-kind.ts';
import { badLine, readLines } from './lines.ts';
import { headerError } from './read-columns.ts';
import { checkLabel, type ReadRequest } from './read-request.ts';

const EXPECTED = 'expected "word label"';
/** So many lines in a row that have the same number of columns, more than two, are no words with spaces in them. */
const COLUMN_LINES = 24;

/** NER and POS: "word label" a line, by a space or a tab, a blank line between sentences. */
export function* readWords(request: ReadRequest): Generator<WordsExample> {
  const { source, events } = request;
  let words: string[] = [];
  let labels: string[] = [];
  let good = true;
  let [lines, columns, alike] = [0, 0, 0];
  const finish = function* (): Generator<WordsExample> {
    if (good && words.length > 0) yield { kind: 'words', words, labels };
    words = [];
    labels = [];
    good = true;
  };
  for (const { text, number } of readLines(source.file, events)) {
    // CoNLL files mark the start of a document with a line of its own, which the official scorer leaves out.
    if (text.trim() === '' || text.startsWith('-DOCSTART-')) {
      yield* finish();
      continue;
    }
    if (number === 1 && isHeader(text.split(/[ \t]/))) {
      events.fail(headerError(source.file, text.split(/[ \t]/)));
      continue;
    }
    const at = labelColumn(text);
    if (number === 1 && isJsonLine(text)) throw badLine(source.file, 1, notWords(text));
    if (at < 0 && !request.unlabelled) {
      events.fail(badLine(source.file, number, notWords(text)));
      good = false;
      continue;
    }
    lines += 1;
    const fields = text.trim().split(/[ \t]+/).length;
    alike = fields === columns ? alike + 1 : 1;
    columns = fields;
    if (alike === COLUMN_LINES || text.trim().split('\t').length > 2)
      refuseColumns(source.file, number, columns);
    const word = at < 0 ? text : text.slice(0, at);
    const label = at < 0 ? '' : checkLabel(request, text.slice(at + 1).trimEnd(), number);
    if (word === '') events.note({ kind: 'empty-field', file: source.file, line: number });
    if (label === undefined) good = false;
    else {
      words.push(word);
      labels.push(label);
    }
  }
  yield* finish();
  if (lines === alike && lines > 3) refuseColumns(source.file, 1, columns);
}

function refuseColumns(file: string, line: number, columns: number): void {
  if (columns < 3) return;
  throw badLine(file, line, `has ${columns} columns: ${EXPECTED}, so leave out the others`);
}

/** What a line has instead of a word and its label. */
export function notWords(text: string): string {
  if (isJsonLine(text)) return `is JSON: ${EXPECTED}`;
  return `${looksLikeCsv(text) && text.length > 2 ? 'looks like CSV' : 'has no label'}: ${EXPECTED}`;
}

/** Where the blank before a line's label stands, -1 where it has none: a word may hold spaces, a label may not. */
export function labelColumn(text: string): number {
  const line = text.trimEnd();
  return Math.max(line.lastIndexOf(' '), line.lastIndexOf('\t'));
}
