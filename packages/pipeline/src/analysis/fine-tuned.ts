import { SdqError } from '@sdq/core';
import {
  type Batch,
  type EncodedExample,
  type EncoderModel,
  loadCheckpoint,
  loadTokenizer,
  readMaxLength,
  requireRows,
  tensorsFrom,
} from '@sdq/models';
import { streamSplit, type Task } from '@sdq/xglue';
import { textLength } from '../config/index.ts';
import { calibrationBatches, exampleEncoder, headKind, trainableTask } from '../data/index.ts';

/** A fine-tuned fp32 model and the data of its task. */
export interface FineTunedOptions {
  /** The model's folder. */
  readonly model: string;
  readonly task: string;
  /** The folder that holds NC/, POS/, .... */
  readonly data: string;
  /** Longer texts are cut to this many tokens; the task's default if absent. */
  readonly maxLength?: number | undefined;
}

/** What {@link loadFineTuned} gives. */
export interface FineTuned {
  readonly model: EncoderModel;
  readonly task: Task;
  readonly encode: ReturnType<typeof exampleEncoder>;
  /** Batches of 1,024 tokens of the first English training texts. */
  readonly calibration: (batches: number) => Batch[];
}

/** Enough for batches of the shortest texts, few enough to read at once. */
const EXAMPLES_PER_BATCH = 128;

/**
 * Loads a fine-tuned fp32 model and what its task's texts need.
 *
 * @throws SdqError as the loaders of `@sdq/models`; `bad-checkpoint` without a head, or with one for another kind of task
 */
export async function loadFineTuned(options: FineTunedOptions): Promise<FineTuned> {
  const task = trainableTask(options.task);
  const { config, head, tensors } = await loadCheckpoint(options.model);
  if (head?.kind !== headKind(task)) {
    throw new SdqError(
      'bad-checkpoint',
      `${options.model} has ${head ? `a head for ${head.kind}` : 'no head'}, but ${task.name} needs one for ${headKind(task)}: fine-tune it first with "sdq run".`,
    );
  }
  const tokenizer = await loadTokenizer(options.model);
  requireRows(tokenizer, config, options.model);
  const limit = await readMaxLength(options.model, config);
  const encode = exampleEncoder(tokenizer, head.labels, textLength(task.name, options.maxLength, limit));
  const calibration = (batches: number) => {
    const examples: EncodedExample[] = [];
    const { labels } = head;
    const source = { folder: options.data, task: task.name, language: 'en', split: 'train', labels } as const;
    for (const example of streamSplit(source)) {
      examples.push(...encode(example));
      if (examples.length >= EXAMPLES_PER_BATCH * batches) break;
    }
    return calibrationBatches(examples, batches, 0);
  };
  return { model: { config, head, parameters: tensorsFrom(tensors) }, task, encode, calibration };
}
