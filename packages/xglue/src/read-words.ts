import type { WordsExample } from './examples.ts';
import { badLine, readLines } from './lines.ts';
import { checkLabel, type ReadRequest } from './read-request.ts';

/** NER and POS: "word label" a line, a blank line between sentences. */
export function* readWords(request: ReadRequest): Generator<WordsExample> {
  const { source, events } = request;
  let words: string[] = [];
  let labels: string[] = [];
  let good = true;
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
    // A word may hold spaces (Vietnamese, Russian numbers), a label may not.
    const space = text.trimEnd().lastIndexOf(' ');
    if (space < 0 && !request.unlabelled) {
      events.fail(badLine(source.file, number, 'has no label: expected "word label"'));
      good = false;
      continue;
    }
    const word = space < 0 ? text : text.slice(0, space);
    const label = space < 0 ? '' : checkLabel(request, text.slice(space + 1).trimEnd(), number);
    if (word === '') events.note({ kind: 'empty-field', file: source.file, line: number });
    if (label === undefined) good = false;
    else {
      words.push(word);
      labels.push(label);
    }
  }
  yield* finish();
}
