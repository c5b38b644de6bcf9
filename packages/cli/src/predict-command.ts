import { createInterface } from 'node:readline';
import { bestAnswers, loadClassifier, predictClasses, predictSpans, spanWindows } from '@sdq/pipeline';
import { selectBackend } from './backend.ts';
import type { CommonFlags } from './run-command.ts';
import { TerminalReporter } from './terminal-reporter.ts';

const MAX_LENGTH = 512;
const LINES_AT_ONCE = 256;
const N_BEST = 5;

/**
 * `sdq predict`: a label for each line (a tab divides the two texts of a pair), or a tag for each of its words; or, for a
 * line of a question, a tab and a context, the answer in the context's words.
 */
export async function predictCommand(folder: string, flags: CommonFlags): Promise<void> {
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const { classify, tokenizer, head } = await loadClassifier(folder);
  const labelsWords = head.kind === 'token-classification';

  const answer = async (lines: readonly string[]): Promise<void> => {
    const asked = lines.map((line) => {
      const [question, ...context] = line.split('\t');
      return { question: question!, context: context.join(' ') };
    });
    const windows = asked.map(({ question, context }) =>
      spanWindows(tokenizer, { kind: 'span', id: '', question, context, answers: [] }, MAX_LENGTH),
    );
    const spans = await predictSpans(classify, windows.flat());
    let from = 0;
    asked.forEach(({ question, context }, i) => {
      const own = spans.slice(from, from + windows[i]!.length);
      from += windows[i]!.length;
      const answers = bestAnswers(context, own, N_BEST);
      const text = answers[0]?.text ?? '';
      const shown = flags.json ? JSON.stringify({ question, answer: text, answers }) : `${text}\t${question}`;
      process.stdout.write(`${shown}\n`);
    });
  };
  const label = async (lines: readonly string[]): Promise<void> => {
    const split = lines.map((line) => line.split(/\s+/u).filter((word) => word !== ''));
    const examples = lines.map((line, i) => {
      const labels = new Int32Array(0);
      if (labelsWords) return { ...tokenizer.encodeWords(split[i]!, MAX_LENGTH), labels };
      const [text, pair] = line.split('\t');
      return { ...tokenizer.encodeTyped(text!, pair, MAX_LENGTH), labels };
    });
    const classes = await predictClasses(classify, examples);
    lines.forEach((line, i) => {
      const named = [...classes[i]!].map((index) => head.labels[index] ?? '');
      process.stdout.write(`${flags.json ? json(line, split[i]!, named) : plain(line, split[i]!, named)}\n`);
    });
  };
  const plain = (line: string, words: readonly string[], labels: readonly string[]) =>
    labelsWords ? words.map((word, i) => `${word}/${labels[i]}`).join(' ') : `${labels[0]}\t${line}`;
  const json = (line: string, words: readonly string[], labels: readonly string[]) =>
    JSON.stringify(labelsWords ? { words, labels } : { text: line, label: labels[0] });

  const respond = head.kind === 'question-answering' ? answer : label;
  let waiting: string[] = [];
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    waiting.push(line);
    if (waiting.length < LINES_AT_ONCE) continue;
    await respond(waiting);
    waiting = [];
  }
  if (waiting.length > 0) await respond(waiting);
}
