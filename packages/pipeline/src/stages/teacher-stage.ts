import { Random } from '@sdq/core';
import type { LanguageScores } from '@sdq/core/results';
import {
  disposeModel,
  type EncoderModel,
  familyOf,
  floatClassifier,
  hostTensors,
  loadCheckpoint,
  modelHash,
  saveModel,
  tensorsFrom,
  withHead,
} from '@sdq/models';
import { createPlan, type ResolvedPlan, resolvePlan, sitesOf } from '@sdq/quantizers';
import { requireDistillable } from '../config/index.ts';
import { fineTuning } from './fine-tuning.ts';
import { type RunContext, type RunSettings, type RunStage, teacherSharedFolder } from './run-context.ts';
import { scoreVersion } from './scoring.ts';
import { sharedScores } from './shared-scores.ts';
import { stageTraining } from './stage-training.ts';
import { trainModel } from './train-model.ts';

/** The name of the stage, and of the folder of its model in the run folder. */
export const TEACHER = 'teacher';

/** The fp32 teacher: fine-tunes the model, or takes the teacher that is given, and scores it. */
export const teacherStage: RunStage = {
  name: TEACHER,
  needs: [],
  inputs: async ({ inputs }) => inputs.teacher,
  saves: () => TEACHER,
  async prepare({ folder, reporter, teacher }) {
    await teacher.get();
    // Only now: a checkpoint that cannot be read leaves no folder behind.
    await folder.create();
    if (!folder.finished(TEACHER)) return;
    reporter.message('The fine-tuned teacher is there already: going on from it.');
  },
  rescore: async (context) => ({ fp32: await score(context, await context.teacher.get()) }),
  async run(context) {
    const { config, folder, teacher } = context;
    const start = await teacher.get();
    const { model, training } =
      config.teacher !== undefined ? { model: start } : await fineTuned(context, start);
    teacher.replace(model);
    await saveModel(folder.file(TEACHER), {
      config: model.config,
      head: model.head,
      tensors: hostTensors(model.parameters),
      tokenizerFrom: config.model,
    });
    const fp32 = await score(context, model);
    const saved = await modelHash(folder.file(TEACHER));
    return { scores: { fp32 }, ...(training && { training }), model: saved };
  },
};

/**
 * The teacher, if its stage is finished; otherwise what it starts from.
 *
 * @throws SdqError as the readers of checkpoints; `bad-option` for a model that the methods of the run cannot distil
 */
export async function teacherOrStart({ config, plugins, folder, head }: RunSettings): Promise<EncoderModel> {
  const { teacher: given, methods, distillation } = config;
  const done = folder.finished(TEACHER) !== undefined;
  const loaded = await loadCheckpoint(done ? folder.file(TEACHER) : (given ?? config.model));
  // A teacher's outputs stay as they are; its labels may have another case.
  const start = given === undefined || done ? loaded : { ...loaded, head };
  const checkpoint = withHead(start, head, new Random(config.seed).fork('head'));
  requireDistillable(methods, distillation, checkpoint.config, plugins.losses);
  return { config: checkpoint.config, head, parameters: tensorsFrom(checkpoint.tensors) };
}

/** The plan of a run for the sites of a model. */
export function planFor(
  { config: { plan }, plugins }: RunSettings,
  { config, parameters }: EncoderModel,
): ResolvedPlan {
  const rules = createPlan(plan, plugins.quantizers);
  return resolvePlan(rules, sitesOf(parameters), familyOf(config.family).roleOf);
}

async function fineTuned(context: RunContext, start: EncoderModel) {
  const { finetune } = context.config;
  const step = fineTuning(planFor(context, start), finetune.noise);
  const tuned = await trainModel(start, stageTraining(context, TEACHER, finetune, step));
  disposeModel(start, tuned.model);
  return tuned;
}

function score(context: RunContext, model: EncoderModel): Promise<LanguageScores> {
  const { dataset, folder, environment } = context;
  const shared = teacherSharedFolder(context);
  const scored = () => scoreVersion(context, 'fp32', 'fp32', floatClassifier(model));
  if (shared === undefined) return scored();
  const teacher = folder.file(TEACHER);
  return sharedScores(shared, { teacher, dataset, backend: environment.backend }, folder.path, scored);
}
