import type { EvaluatedModel } from '@sdq/pipeline';
import { answerTexts, type TextInput, type TextResult } from '@sdq/serve';
import { loadModel, selectBackend } from '../backends/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { type InputLine, inputLines, TerminalReporter } from '../terminal/index.ts';

const LINES_AT_ONCE = 256;
/** UTF-16 units after which lines are answered, though there are fewer. */
const TEXT_AT_ONCE = 2 ** 22;
/** Lines with a problem that are told one by one. */
const TOLD_PROBLEMS = 10;

/**
 * `sdq predict`: a label for each line (a tab divides the two texts of a pair), or a tag for each of its words; or, for a
 * line of a question, a tab and a context, the answer in the context's words. Each line of input gives one of output.
 */
export async function predictAction(folder: string, flags: CommonFlags): Promise<void> {
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const loaded = await loadModel(folder);
  const problems = new Problems();
  try {
    for await (const lines of groups(inputLines(process.stdin))) {
      await answer(loaded, lines, flags.json ?? false, problems);
    }
  } finally {
    await loaded.close();
  }
  problems.finish();
}

async function answer(
  model: EvaluatedModel,
  lines: readonly InputLine[],
  asJson: boolean,
  problems: Problems,
): Promise<void> {
  const show = asJson ? json : plain;
  const isTagger = model.head.kind === 'token-classification';
  const results = await answerTexts(
    model,
    lines.map(({ text }) => (isTagger ? text : divided(text))),
  );
  for (const [i, line] of lines.entries()) {
    const result = results[i]!;
    if (line.problem !== undefined) problems.warn(line.number, line.problem);
    if ('error' in result) problems.fail(line.number, result.error.message);
    process.stdout.write(`${show(model, line.text, result)}\n`);
  }
}

async function* groups(lines: AsyncIterable<InputLine>): AsyncGenerator<InputLine[]> {
  let group: InputLine[] = [];
  let length = 0;
  for await (const line of lines) {
    group.push(line);
    length += line.text.length;
    if (group.length < LINES_AT_ONCE && length < TEXT_AT_ONCE) continue;
    yield group;
    [group, length] = [[], 0];
  }
  if (group.length > 0) yield group;
}

/** Tells of lines that were changed or have no answer: the first ones, and how many there were. */
class Problems {
  private lines = 0;
  private failed = 0;

  warn(line: number, what: string): void {
    this.tell(`Line ${line} ${what}.`);
  }

  fail(line: number, message: string): void {
    this.failed += 1;
    this.tell(`Line ${line} has no answer: ${message}`);
  }

  private tell(sentence: string): void {
    this.lines += 1;
    if (this.lines <= TOLD_PROBLEMS) process.stderr.write(`sdq: ${sentence}\n`);
  }

  finish(): void {
    const more = this.lines - TOLD_PROBLEMS;
    if (more > 0) process.stderr.write(`sdq: ... and ${more} more of the kind.\n`);
    if (this.failed > 0) process.exitCode = 2;
  }
}

function divided(line: string): TextInput {
  const [text, ...pair] = line.split('\t');
  return pair.length === 0 ? line : { text: text!, pair: pair.join(' ') };
}

/** Control characters save the tab, and what else some programs take for the end of a line. */
const CONTROLS = /(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/gu;

function plain({ head }: EvaluatedModel, line: string, result: TextResult): string {
  const text = head.kind === 'question-answering' ? line.split('\t')[0]! : line;
  return textLine(text, result).replace(CONTROLS, ' ');
}

function textLine(text: string, result: TextResult): string {
  if ('error' in result) return `\t${text}`;
  const { answer } = result;
  if (answer.kind === 'token-classification') {
    return answer.words.map((word, i) => `${word}/${answer.labels[i]}`).join(' ');
  }
  return `${answer.kind === 'question-answering' ? answer.answer : answer.label}\t${text}`;
}

function json({ head }: EvaluatedModel, line: string, result: TextResult): string {
  const shown = head.kind === 'question-answering' ? { question: line.split('\t')[0] } : { text: line };
  const fields =
    'error' in result ? { ...shown, error: result.error } : { ...shown, ...withoutKind(result.answer) };
  return JSON.stringify(fields).replace(
    CONTROLS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function withoutKind<T extends { readonly kind: string }>({ kind: _, ...fields }: T): Omit<T, 'kind'> {
  return fields;
}
