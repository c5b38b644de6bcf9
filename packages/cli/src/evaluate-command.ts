import { SdqError } from '@sdq/core';
import {
  exampleEncoder,
  loadClassifier,
  meanScore,
  scoreLanguages,
  sortLanguages,
  tokenCount,
} from '@sdq/pipeline';
import { listLanguages, readSplit, task } from '@sdq/xglue';
import { selectBackend } from './backend.ts';
import type { CommonFlags } from './run-command.ts';
import { TerminalReporter } from './terminal-reporter.ts';
import { textTable } from './text-table.ts';

const MAX_LENGTH = 256;

/** `sdq evaluate`: the scores of a saved model. */
export async function evaluateCommand(
  folder: string,
  flags: CommonFlags & { task: string; xglue: string; languages?: string[]; devLimit?: number },
): Promise<void> {
  const info = task(flags.task);
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const found = listLanguages(flags.xglue, info.name, 'dev').map(({ language }) => language);
  const languages = flags.languages ?? found;
  await selectBackend(flags.backend, reporter);
  const { classify, tokenizer, head, quantized } = await loadClassifier(folder);
  const encode = exampleEncoder(tokenizer, head.labels, MAX_LENGTH);
  const dev = new Map(
    languages.map((language) => {
      const gold = readSplit({
        folder: flags.xglue,
        task: info.name,
        language,
        split: 'dev',
        labels: head.labels,
      }).slice(0, flags.devLimit);
      return [language, { gold, encoded: gold.map(encode) }];
    }),
  );
  if (dev.size === 0) throw new SdqError('empty-data', `${flags.xglue} has no dev set of ${info.name}.`);
  const total = [...dev.values()].reduce((sum, { encoded }) => sum + tokenCount(encoded), 0);
  const started = performance.now();
  reporter.start(`scoring ${info.name}`, total, 'tokens');
  const scores = await scoreLanguages(
    classify,
    { task: info, labels: head.labels, dev },
    dev.keys(),
    (done) => reporter.progress(done, { 'tokens/s': (1000 * done) / (performance.now() - started) }),
  );
  reporter.stop();
  const average = meanScore(scores);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ task: info.name, quantized, scores, average })}\n`);
    return;
  }
  const rows = sortLanguages(Object.keys(scores)).map((language) => [
    language,
    (100 * scores[language]!).toFixed(1),
  ]);
  process.stdout.write(
    `${textTable([['', quantized ? 'int8' : 'fp32'], ...rows, ['average', (100 * average).toFixed(1)]])}\n`,
  );
}
