import { quoted, SdqError } from '@sdq/core';
import type { SpanAnswer, SpanExample } from './examples.ts';
import { isRecord, readJson } from './json-file.ts';
import type { ReadRequest } from './read-request.ts';

/** MLQA and SQuAD: JSON of articles, paragraphs, questions; answers count from code points. */
export function* readSpans(request: ReadRequest): Generator<SpanExample> {
  const { source, events } = request;
  const root = readJson(source.file, events);
  const articles = isRecord(root) ? root.data : undefined;
  if (!Array.isArray(articles)) {
    throw new SdqError('bad-data', `${source.file} has no list "data": expected SQuAD's JSON.`);
  }
  for (const [a, article] of articles.entries()) {
    const paragraphs = list(article, 'paragraphs');
    if (paragraphs === undefined) tell(request, `data[${a}]`, 'has no list "paragraphs"');
    for (const [p, paragraph] of (paragraphs ?? []).entries()) {
      yield* readParagraph(request, paragraph, `data[${a}].paragraphs[${p}]`);
    }
  }
}

function* readParagraph(request: ReadRequest, paragraph: unknown, path: string): Generator<SpanExample> {
  const context = isRecord(paragraph) ? paragraph.context : undefined;
  const questions = list(paragraph, 'qas');
  if (typeof context !== 'string' || questions === undefined) {
    tell(request, path, 'has no "context" or no "qas"');
    return;
  }
  for (const [q, entry] of questions.entries()) {
    const where = `${path}.qas[${q}]`;
    const id = isRecord(entry) ? entry.id : undefined;
    const question = isRecord(entry) ? entry.question : undefined;
    if (typeof id !== 'string' || typeof question !== 'string') {
      tell(request, where, 'has no "id" or no "question"');
      continue;
    }
    const answers = readAnswers(request, entry, context, where);
    if (answers !== undefined) yield { kind: 'span', id, question, context, answers };
  }
}

function readAnswers(
  request: ReadRequest,
  entry: unknown,
  context: string,
  where: string,
): SpanAnswer[] | undefined {
  const answers = list(entry, 'answers') ?? [];
  if (answers.length === 0 && !request.unlabelled) {
    tell(request, where, 'has no answers');
    return undefined;
  }
  const read: SpanAnswer[] = [];
  for (const answer of answers) {
    const text = isRecord(answer) ? answer.text : undefined;
    const at = isRecord(answer) ? answer.answer_start : undefined;
    if (typeof text !== 'string' || typeof at !== 'number') {
      tell(request, where, 'has an answer without "text" or "answer_start"');
      return undefined;
    }
    const start = unitOffset(context, at);
    if (!context.startsWith(text, start)) {
      tell(request, where, `has the answer ${quoted(text)}, which its context does not have at ${at}`);
      return undefined;
    }
    read.push({ text, start });
  }
  return read;
}

/** The index in UTF-16 units of a code point: they differ after characters beyond the basic plane. */
function unitOffset(text: string, codePoints: number): number {
  let unit = 0;
  for (let i = 0; i < codePoints && unit < text.length; i++) {
    unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
  }
  return unit;
}

function list(value: unknown, field: string): readonly unknown[] | undefined {
  const found = isRecord(value) ? value[field] : undefined;
  return Array.isArray(found) ? found : undefined;
}

function tell(request: ReadRequest, path: string, what: string): void {
  request.events.fail(new SdqError('bad-data', `${request.source.file}: ${path} ${what}.`));
}
