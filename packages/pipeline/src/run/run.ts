import { rmSync } from 'node:fs';
import { type Reporter, SdqError } from '@sdq/core';
import { ptqVersion, type Results } from '@sdq/core/results';
import { disposeModel, loadTokenizer, readConfig, readMaxLength, requireRows } from '@sdq/models';
import { createPlan } from '@sdq/quantizers';
import { tensorBoardReporter } from '@sdq/trainer';
import { loadPlugins, type RunConfig, unusedOptions } from '../config/index.ts';
import { headKind, loadDataset, trainableTask } from '../data/index.ts';
import { RunFolder, RunInputs } from '../run-folder/index.ts';
import {
  quantizingStage,
  type RunEnvironment,
  type RunSettings,
  TEACHER,
  teacherStage,
  writeResults,
} from '../stages/index.ts';
import { sourceHashes } from './finished-run.ts';
import { runContext } from './run-context.ts';
import { runStages } from './run-stages.ts';

/**
 * The main job: fine-tunes the fp32 teacher, or takes the one that is given, quantizes it after training (PTQ), by quantization-aware
 * training (QAT) and by self-distilled quantization (SDQ), scores each in every language, and saves the teacher
 * and the quantized student in the run folder with `results.json`.
 *
 * A run that was interrupted at any moment goes on when it is asked for again, and gives the same bits. Source: O'Neill and Dutta 2023,
 * "Self-Distilled Quantization", sections 3 and 4.
 *
 * @throws SdqError for bad input, before anything is written; `interrupted` when the signal asked for it; as `train`
 */
export async function run(
  config: RunConfig,
  reporter: Reporter,
  environment: RunEnvironment,
): Promise<Results> {
  const { checkpointSteps = 1 } = environment;
  if (!(Number.isInteger(checkpointSteps) && checkpointSteps > 0)) {
    throw new SdqError('bad-option', `Checkpoints cannot come after each ${checkpointSteps} steps.`);
  }
  const plugins = await loadPlugins(config.plugins ?? []);
  createPlan(config.plan, plugins.quantizers);
  const folder = RunFolder.open(config.out, config, plugins);
  try {
    const tokenizer = await loadTokenizer(config.model);
    const start = config.teacher ?? config.model;
    const { config: encoder, head } = await readConfig(start);
    requireRows(tokenizer, encoder, config.model);
    const maxLength = Math.min(config.maxLength, await readMaxLength(start, encoder));
    trainableTask(config.task);
    // Before anything is read: a file that changes in the meantime is found the next time.
    const sources = await sourceHashes(config);
    const dataset = loadDataset({ ...config, maxLength }, tokenizer, head);
    const inputs = await RunInputs.of(config, dataset);
    const told = environment.tensorBoard
      ? tensorBoardReporter(reporter, folder.file('tensorboard'))
      : reporter;
    return await runAll({
      config,
      plugins,
      dataset,
      inputs,
      sources,
      folder,
      reporter: folder.reporter(told),
      environment,
      head: { kind: headKind(dataset.task), labels: dataset.labels },
    });
  } finally {
    folder.close();
  }
}

async function runAll(settings: RunSettings): Promise<Results> {
  const { config, dataset, folder, reporter } = settings;
  for (const remark of [...unusedOptions(config), ...dataset.remarks]) reporter.message(remark);
  const context = runContext(settings);
  // What a run before computed is checked too, though it is not asked for now.
  const asked = [...(config.ptq ?? []).map(ptqVersion), ...config.methods.filter((key) => key !== 'ptq')];
  const quantizing = new Set([...asked, ...Object.keys(folder.stages).filter((name) => name !== TEACHER)]);
  await runStages([teacherStage, ...[...quantizing].map(quantizingStage)], context);
  disposeModel(await context.teacher.get());
  rmSync(folder.file('checkpoints'), { recursive: true, force: true });
  return writeResults(settings);
}
