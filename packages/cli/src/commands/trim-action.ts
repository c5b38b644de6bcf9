import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { writeFileAtomically } from '@sdq/models';
import { type TrimReport, trim } from '@sdq/pipeline';
import { writeStagedFolder } from '../export/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq trim`. */
export interface TrimFlags {
  readonly languages: string[];
  readonly corpus: string[];
  readonly out: string;
  readonly maxPieces?: number;
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** What was trimmed and what that loses; shows which folders a trim may replace. */
const TRIM_FILE = 'trim.json';

/** `sdq trim`: a model with the pieces of some languages alone. */
export async function trimAction(model: string, flags: TrimFlags): Promise<void> {
  const { languages, corpus, out, maxPieces, force = false } = flags;
  if (maxPieces !== undefined && !(Number.isInteger(maxPieces) && maxPieces > 0)) {
    throw new SdqError('bad-option', `--max-pieces is ${maxPieces}: give a whole number above 0.`);
  }
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  let report: TrimReport | undefined;
  await writeStagedFolder(out, { marker: TRIM_FILE, force, keep: model }, async (staged) => {
    report = await trim({ model, languages, corpus, maxPieces }, staged, reporter);
    await writeFileAtomically(join(staged, TRIM_FILE), `${JSON.stringify(report, null, 2)}\n`);
  });
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${summary(report!, out)}\n`);
}

function summary({ pieces, embeddingBytes, coverage }: TrimReport, out: string): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  return [
    textTable([
      ['text', 'lines', 'tokens', 'lost', 'unseen'],
      ...coverage.map(({ source, lines, tokens, lostShare, unseenShare }) => [
        source,
        ...[lines, tokens].map((n) => n.toLocaleString('en')),
        ...[lostShare, unseenShare].map(percent),
      ]),
    ]),
    '',
    'lost: tokens whose piece is gone. unseen: tokens of every tenth line whose piece no other line has, an estimate for new text.',
    `${pieces.before.toLocaleString('en')} pieces before, ${pieces.after.toLocaleString('en')} now; word embeddings ` +
      `${megabytes(embeddingBytes.before)} before, ${megabytes(embeddingBytes.after)} now. Wrote ${out}.`,
  ].join('\n');
}
