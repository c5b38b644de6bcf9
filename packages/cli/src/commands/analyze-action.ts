import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { type Analysis, readResults } from '@sdq/core/results';
import { writeFileAtomically } from '@sdq/models';
import { analyze, loadPlugins, runToAnalyze } from '@sdq/pipeline';
import {
  analysisPage,
  attentionFinding,
  placeTable,
  reportPage,
  sensitivityTable,
  studentName,
} from '@sdq/report';
import { selectBackend } from '../backends/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { planFlag } from '../flags/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq analyze`. */
export interface AnalyzeFlags extends CommonFlags {
  readonly task?: string;
  readonly xglue?: string;
  readonly plan?: string;
  readonly plugin?: string[];
  readonly languages?: string[];
  readonly devLimit: number;
  readonly calibrationBatches: number;
  readonly maxLength?: number;
  readonly sensitivity?: boolean;
  readonly out?: string;
}

/**
 * `sdq analyze`: where quantization loses what. Of a run it compares the student with the teacher too, and writes
 * analysis.json and the report anew; of a model it writes analysis.json and analysis.html where `--out` says.
 */
export async function analyzeAction(folder: string, flags: AnalyzeFlags): Promise<void> {
  const { quantizers } = await loadPlugins(flags.plugin ?? []);
  const plan = flags.plan === undefined ? undefined : planFlag(flags.plan, quantizers);
  const run = runToAnalyze(folder);
  const [task, data] = [flags.task ?? run?.task, flags.xglue ?? run?.data];
  if (task === undefined || data === undefined) {
    throw new SdqError('bad-option', `${folder} is no folder of a run: give --task and --xglue too.`);
  }
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const { languages, devLimit, calibrationBatches, sensitivity = false } = flags;
  const maxLength = flags.maxLength ?? run?.maxLength;
  const analysis = await analyze(
    {
      model: run?.model ?? folder,
      student: run?.student,
      studentLabel: run?.studentLabel,
      plan: plan ?? run?.plan ?? 'w8a8',
      quantizers,
      ...{ task, data, maxLength, languages, devLimit, calibrationBatches, sensitivity },
    },
    reporter,
  );
  await write(analysis, flags.out ?? (run && folder), run ? folder : undefined);
  process.stdout.write(flags.json ? `${JSON.stringify(analysis)}\n` : `${summary(analysis)}\n`);
}

async function write(analysis: Analysis, out: string | undefined, run: string | undefined): Promise<void> {
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  await writeFileAtomically(join(out, 'analysis.json'), `${JSON.stringify(analysis, null, 2)}\n`);
  if (run !== out) return writeFileAtomically(join(out, 'analysis.html'), analysisPage(analysis));
  return writeFileAtomically(join(run, 'report.html'), reportPage(readResults(run), analysis));
}

function summary(analysis: Analysis): string {
  const { errors, sensitivity } = analysis;
  const parts = [textTable(placeTable(errors.ptq)), '', `After training: ${attentionFinding(errors.ptq)}`];
  if (errors.student) {
    parts.push(
      '',
      textTable(placeTable(errors.student)),
      '',
      `${studentName(analysis)}: ${attentionFinding(errors.student)}`,
    );
  }
  if (sensitivity) parts.push('', textTable(sensitivityTable(sensitivity.sites, 10)));
  return parts.join('\n');
}
