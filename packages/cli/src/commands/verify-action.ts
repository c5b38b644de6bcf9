import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Reporter, SdqError } from '@sdq/core';
import { sortLanguages } from '@sdq/core/results';
import {
  devSets,
  type EvaluatedModel,
  exampleEncoder,
  requireHead,
  textLength,
  trainableTask,
} from '@sdq/pipeline';
import type { Task } from '@sdq/xglue';
import { loadModel, selectBackend } from '../backends/index.ts';
import { type Agreement, AgreementCounter, compareOn } from '../export/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq verify`. */
export interface VerifyFlags extends CommonFlags {
  readonly against: string;
  readonly task: string;
  readonly xglue: string;
  readonly languages?: string[];
  readonly devLimit: number;
  readonly maxLength?: number;
  readonly allow?: number;
}

/**
 * How many percent of the predictions may differ. A quantized model's inputs are rounded: where two runtimes' floats lie on
 * either side of a step, their next layers differ by whole steps, so that even two backends of the same process differ
 * by more than an export does (docs/export.md has the figures).
 */
const ALLOWED = { quantized: 1, float: 0.1 };

/** What `sdq verify` found: what `--json` prints. */
export interface Verification {
  readonly folder: string;
  readonly against: string;
  readonly task: string;
  /** Whether no more predictions differ than are allowed, and all logits are numbers. */
  readonly same: boolean;
  readonly allowedPercent: number;
  readonly all: Agreement;
  readonly languages: Readonly<Record<string, Agreement>>;
}

/** `sdq verify`: whether an exported model answers real text as the model it was made from does in process. */
export async function verifyAction(folder: string, flags: VerifyFlags): Promise<void> {
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  await selectBackend(flags.backend, reporter);
  const found = await verify(folder, flags, reporter);
  process.stdout.write(
    flags.json ? `${JSON.stringify(found)}\n` : `${textTable(table(found))}\n\n${verdict(found)}\n`,
  );
  if (!found.same) process.exitCode = 1;
}

/** As {@link verifyAction}, on the backend that is set. */
export async function verify(folder: string, flags: VerifyFlags, reporter: Reporter): Promise<Verification> {
  const { against } = flags;
  const task = trainableTask(flags.task);
  const reference = await loadModel(against);
  try {
    const other = await loadModel(folder);
    try {
      return await compare(folder, flags, task, reference, other, reporter);
    } finally {
      await other.close();
    }
  } finally {
    await reference.close();
  }
}

async function compare(
  folder: string,
  { against, languages, devLimit, ...flags }: VerifyFlags,
  task: Task,
  reference: EvaluatedModel,
  other: EvaluatedModel,
  reporter: Reporter,
): Promise<Verification> {
  const { head, tokenizer } = reference;
  requireHead(against, head, task);
  if (JSON.stringify(head) !== JSON.stringify(other.head)) {
    throw new SdqError(
      'bad-checkpoint',
      `${folder} and ${against} have different heads: one is not made from the other.`,
    );
  }
  const tokenizers = [folder, against].map((one) => readFileSync(join(one, 'tokenizer.json')));
  if (!tokenizers[0]!.equals(tokenizers[1]!)) {
    throw new SdqError('bad-checkpoint', `${folder} and ${against} have different tokenizers.`);
  }
  const maxLength = textLength(task.name, flags.maxLength, reference.maxLength);
  const encode = exampleEncoder(tokenizer, head.labels, maxLength);
  const sets = devSets({ data: flags.xglue, task, labels: head.labels, languages, devLimit, encode });
  const total = new AgreementCounter();
  const found: Record<string, Agreement> = {};
  reporter.start(`comparing on ${task.name}`, sets.size, 'languages');
  try {
    for (const language of sortLanguages([...sets.keys()])) {
      const counter = await compareOn(sets.get(language)!, head.kind, reference.classify, other.classify);
      found[language] = counter.result();
      total.merge(counter);
      reporter.progress(Object.keys(found).length, {});
    }
  } finally {
    reporter.stop();
  }
  const all = total.result();
  const allowedPercent = flags.allow ?? (other.quantized ? ALLOWED.quantized : ALLOWED.float);
  const same = percent(all) <= allowedPercent && Number.isFinite(all.largestDifference);
  return { folder, against, task: task.name, same, allowedPercent, all, languages: found };
}

function percent({ predictions, different }: Agreement): number {
  return predictions === 0 ? 0 : (100 * different) / predictions;
}

function table({ languages, all }: Verification): string[][] {
  const row = (name: string, one: Agreement) => [
    name,
    String(one.predictions),
    String(one.different),
    one.largestDifference.toPrecision(2),
    one.meanDifference.toPrecision(2),
    one.widestGap.toPrecision(2),
  ];
  return [
    ['', 'predictions', 'different', 'largest difference', 'mean difference', 'widest gap'],
    ...Object.entries(languages).map(([language, one]) => row(language, one)),
    row('all', all),
  ];
}

function verdict({ all, same, allowedPercent }: Verification): string {
  if (same && all.different === 0) return 'All predictions are the same.';
  const counted = `${all.different} of ${all.predictions} predictions differ (${percent(all).toFixed(2)} %; ${allowedPercent} % may)`;
  return same
    ? `${counted}: the export answers as the model does.`
    : `${counted}: the export does NOT answer as the model does.`;
}
