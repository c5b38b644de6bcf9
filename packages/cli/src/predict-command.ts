import { createInterface } from 'node:readline';
import { answerTexts, loadClassifier, type TextAnswer, type TextInput } from '@sdq/pipeline';
import { selectBackend } from './backend.ts';
import type { CommonFlags } from './run-command.ts';
import { TerminalReporter } from './terminal-reporter.ts';

const LINES_AT_ONCE = 256;

/**
 * `sdq predict`: a label for each line (a tab divides the two texts of a pair), or a tag for each of its words; or, for a
 * line of a question, a tab and a context, the answer in the context's words.
 */
export async function predictCommand(folder: string, flags: CommonFlags): Promise<void> {
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const loaded = await loadClassifier(folder);
  const show = flags.json ? json : plain;
  const answer = async (lines: readonly string[]): Promise<void> => {
    const inputs = lines.map(loaded.head.kind === 'token-classification' ? (line: string) => line : divided);
    const answers = await answerTexts(loaded, inputs);
    for (const [i, line] of lines.entries()) process.stdout.write(`${show(line, answers[i]!)}\n`);
  };
  let waiting: string[] = [];
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    waiting.push(line);
    if (waiting.length < LINES_AT_ONCE) continue;
    await answer(waiting);
    waiting = [];
  }
  if (waiting.length > 0) await answer(waiting);
}

function divided(line: string): TextInput {
  const [text, ...pair] = line.split('\t');
  return pair.length === 0 ? line : { text: text!, pair: pair.join(' ') };
}

function plain(line: string, answer: TextAnswer): string {
  if (answer.kind === 'token-classification') {
    return answer.words.map((word, i) => `${word}/${answer.labels[i]}`).join(' ');
  }
  if (answer.kind === 'sequence-classification') return `${answer.label}\t${line}`;
  return `${answer.answer}\t${line.split('\t')[0]}`;
}

function json(line: string, { kind, ...answer }: TextAnswer): string {
  if (kind === 'question-answering') return JSON.stringify({ question: line.split('\t')[0], ...answer });
  return JSON.stringify(kind === 'token-classification' ? answer : { text: line, ...answer });
}
