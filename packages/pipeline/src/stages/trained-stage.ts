import type { QuantizedRows } from '@sdq/core';
import type { FinishCheck, Method } from '@sdq/core/results';
import {
  type Batch,
  disposeModel,
  type EncoderModel,
  loadQuantizedModel,
  type QuantizedModel,
} from '@sdq/models';
import type { ResolvedPlan } from '@sdq/quantizers';
import { quantizedClassifier } from '@sdq/serve';
import type { TrainingSummary } from '@sdq/trainer';
import type { RunConfig } from '../config/index.ts';
import { calibrationBatches } from '../data/index.ts';
import { compareLogits, logitsOn, quantizeModel } from '../model/index.ts';
import { distilledTeacher } from './distilled-teacher.ts';
import { type NoiseOptions, quantizedTraining } from './quantized-training.ts';
import type { RunContext, RunSettings, RunStage } from './run-context.ts';
import { studentMethod, studentStage } from './run-results.ts';
import { STUDENT, savedStudent, saveStudent } from './saved-student.ts';
import { scoreQuantized } from './scoring.ts';
import { stageTraining } from './stage-training.ts';
import { TEACHER } from './teacher-stage.ts';
import type { StageTraining } from './train-model.ts';

/** A student in floats, and those of its weights that are integers already, by parameter name. */
interface TrainedStudent {
  readonly model: EncoderModel;
  readonly training: TrainingSummary;
  readonly rows?: ReadonlyMap<string, QuantizedRows>;
}

/** One kind of training a student. */
export interface StudentTraining {
  /** What the plan rounds in each step, and at the end. */
  rules(plan: ResolvedPlan, teacher: EncoderModel): ResolvedPlan;
  /** Which share of the weights a step rounds; absent: all. */
  noise?(config: RunConfig): NoiseOptions;
  /** Trains a copy of the teacher. */
  train(teacher: EncoderModel, training: StageTraining, config: RunConfig): Promise<TrainedStudent>;
}

/** Batches of training text on which a finished student is compared with what was trained. */
const FINISH_BATCHES = 4;

/** Trains a student of the teacher by a method, finishes it as integers, and scores those. */
export function trainedStage(method: Method, kind: StudentTraining): RunStage {
  const { key, version } = method;
  return {
    name: key,
    needs: [TEACHER],
    inputs: async ({ inputs, teacherHash }) => inputs.quantized(key, await teacherHash.get()),
    saves: ({ config, folder }) => (studentStage(config, folder.stages) === key ? STUDENT : undefined),
    rescore: async (context) => ({
      [version]: await scoreQuantized(
        context,
        key,
        version,
        await loadQuantizedModel(context.folder.file(STUDENT)),
      ),
    }),
    run: (context) => trainAndScore(method, kind, context),
  };
}

async function trainAndScore({ key, version }: Method, kind: StudentTraining, context: RunContext) {
  const { config, dataset, folder } = context;
  const { ranges, observer } = await context.calibration.get();
  const teacher = await context.teacher.get();
  const rules = kind.rules(await context.plan.get(), teacher);
  const distilled = await distilledTeacher(context, key, teacher);
  const { step, grids } = quantizedTraining(rules, ranges, config, distilled, kind.noise?.(config));
  const stage = stageTraining(context, key, config.quantized, step);
  const trainStudent = async () => kind.train(teacher, stage, config);
  const { model, training, rows } = await trainStudent().finally(() => distilled?.close());
  const batches = calibrationBatches(dataset.train, FINISH_BATCHES, config.seed);
  const trained = await logitsOn(step.classifier(model), batches);
  let quantized = quantizeModel(model, rules, grids, rows);
  disposeModel(model, teacher);
  const saves = studentMethod(config, folder).key === key;
  if (saves) {
    await saveStudent(context, quantized);
    // The scores are those of the file: what was saved is what is measured.
    quantized = await loadQuantizedModel(folder.file(STUDENT));
  }
  const finish = await checkFinish(context, key, trained, quantized, batches);
  const scores = { [version]: await scoreQuantized(context, key, version, quantized) };
  return { scores, observer, training, finish, ...(saves && (await savedStudent(context))) };
}

/** Compares the finished student with the fake-quantized model that was trained. */
async function checkFinish(
  { reporter }: RunSettings,
  stage: string,
  trained: Awaited<ReturnType<typeof logitsOn>>,
  quantized: QuantizedModel,
  batches: readonly Batch[],
): Promise<FinishCheck> {
  const { classify, dispose } = quantizedClassifier(quantized);
  const check = compareLogits(trained, await logitsOn(classify, batches));
  dispose();
  reporter.event({ event: 'finish', stage, ...check });
  if (!check.equal) {
    const percent = (100 * check.samePredictions).toFixed(2);
    reporter.message(
      `The finished student's logits differ from those that were trained by up to ${check.largestDifference.toPrecision(3)}; ${percent} % of its predictions are the same.`,
    );
  }
  return check;
}
