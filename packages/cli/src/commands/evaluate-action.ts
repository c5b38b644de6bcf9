import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { writeFileAtomically } from '@sdq/models';
import { evaluate, trainableTask } from '@sdq/pipeline';
import { evaluationPage, evaluationSentences, evaluationTable } from '@sdq/report';
import { writePredictions } from '@sdq/xglue';
import { loadModel, selectBackend } from '../backends/index.ts';
import type { CommonFlags } from '../flags/index.ts';
import { splitFlag } from '../flags/index.ts';
import { TerminalReporter, textTable } from '../terminal/index.ts';

/** The flags of `sdq evaluate`. */
export interface EvaluateFlags extends CommonFlags {
  readonly task: string;
  readonly xglue: string;
  readonly against?: string;
  readonly split?: string;
  readonly out?: string;
  readonly languages?: string[];
  readonly devLimit?: number;
  readonly maxLength?: number;
}

/** `sdq evaluate`: the scores of a saved model in every language, and what changed against another. */
export async function evaluateAction(model: string, flags: EvaluateFlags): Promise<void> {
  const { name: task } = trainableTask(flags.task);
  const reporter = new TerminalReporter(process.stderr, flags.quiet);
  const { against, out, languages, devLimit, maxLength } = flags;
  const split = splitFlag(flags.split ?? 'dev');
  if (out !== undefined) makeFolder(out);
  await selectBackend(flags.backend, reporter);
  const evaluation = await evaluate(
    { model, task, data: flags.xglue, split, against, languages, devLimit, maxLength, load: loadModel },
    reporter,
    (language, predictions) => {
      if (out !== undefined) {
        writePredictions({ folder: join(out, 'predictions'), task, language, predictions });
      }
    },
  );
  if (out !== undefined) {
    await writeFileAtomically(join(out, 'evaluation.json'), `${JSON.stringify(evaluation, null, 2)}\n`);
    await writeFileAtomically(join(out, 'evaluation.html'), evaluationPage(evaluation));
  }
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(evaluation)}\n`
      : `${textTable(evaluationTable(evaluation))}\n\n${evaluationSentences(evaluation).join('\n')}\n`,
  );
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new SdqError('io-failed', `The folder ${folder} cannot be made: ${reason}.`, { cause });
  }
}
