import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, WeightQuantizer } from '@sdq/core';
import { type Analysis, readResults, studentVersion, versionLabel } from '@sdq/core/results';
import { disposeModel, groupByTokens, loadQuantizedModel, packBatch } from '@sdq/models';
import {
  createPlan,
  type PlanRuleData,
  quantize,
  resolvePlan,
  siteErrors,
  siteSensitivity,
  sitesOf,
} from '@sdq/quantizers';
import { dequantizeModel, studentPlan } from '@sdq/serve';
import { devSets } from '../data/index.ts';
import { calibratedModel } from '../model/index.ts';

import { type FineTunedOptions, loadFineTuned } from './fine-tuned.ts';

/** What to analyze, and on which texts. */
export interface AnalysisOptions extends FineTunedOptions {
  /** The quantized student to compare with the model, from the same run. */
  readonly student?: string | undefined;
  /** What the run calls it. */
  readonly studentLabel?: string | undefined;
  /** A plan's name or rules. */
  readonly plan: string | readonly PlanRuleData[];
  /** Weight quantizers that plug-ins bring, for the rules of the plan. */
  readonly quantizers?: ReadonlyMap<string, WeightQuantizer> | undefined;
  /** Batches of 1,024 tokens of English training text that set the ranges of activations. */
  readonly calibrationBatches: number;
  /** The dev languages; all that the data has, if absent. */
  readonly languages?: readonly string[] | undefined;
  /** The first so many examples of each language. */
  readonly devLimit: number;
  /** Whether to measure the sensitivity to each site too: two passes over the texts a site. */
  readonly sensitivity: boolean;
}

const TOKENS_PER_BATCH = 1024;

/**
 * Measures where quantization loses what: the error of each tensor, its own and accumulated, of a fine-tuned model that is
 * quantized after training, and of the student that was trained from it; and how sensitive the logits are to each site.
 *
 * @throws SdqError as {@link loadFineTuned} and the readers of `@sdq/xglue`
 */
export async function analyze(options: AnalysisOptions, reporter: Reporter): Promise<Analysis> {
  const { model, task, encode, calibration } = await loadFineTuned(options);
  const { labels } = model.head;
  const { data, languages, devLimit } = options;
  const sets = devSets({ data, task, labels, languages, devLimit, encode });
  const examples = [...sets.values()].flatMap((set) => [...set.chunks()].flatMap(({ encoded }) => encoded));
  const groups = groupByTokens(
    examples.map(({ ids }) => ids.length),
    TOKENS_PER_BATCH,
  );
  const batches = groups.map((group) => packBatch(examples, group));
  const calibrated = calibratedModel(model);
  try {
    reporter.message('Quantizing after training, and comparing each tensor ...');
    const plan = createPlan(options.plan, options.quantizers);
    const { grids, changed } = await quantize(calibrated, calibration(options.calibrationBatches), plan);
    for (const tensor of changed.values()) tensor.dispose();
    const resolved = resolvePlan(plan, sitesOf(model.parameters), calibrated.roleOf);
    const ptq = await siteErrors(calibrated, batches, { plan: resolved, grids });
    const student = options.student === undefined ? undefined : await studentErrors(options.student);
    const sensitivity = options.sensitivity
      ? await siteSensitivity(calibrated, batches, resolved, grids, (done, sites) => {
          if (done === 1) reporter.start('sensitivity', sites, 'sites');
          reporter.progress(done, {});
        }).finally(() => reporter.stop())
      : undefined;
    return {
      model: options.model,
      task: task.name,
      plan: typeof options.plan === 'string' ? options.plan : JSON.stringify(options.plan),
      ...(options.studentLabel !== undefined && { studentLabel: options.studentLabel }),
      languages: [...sets.keys()],
      tokens: batches.reduce((sum, { ids }) => sum + ids.length, 0),
      errors: { ptq, ...(student && { student }) },
      ...(sensitivity && { sensitivity }),
    };
  } finally {
    disposeModel(model);
  }

  async function studentErrors(folder: string) {
    const saved = await loadQuantizedModel(folder);
    const { parameters, ...rest } = dequantizeModel(saved);
    try {
      return await siteErrors(calibrated, batches, {
        plan: studentPlan(saved),
        grids: saved.grids,
        parameters,
      });
    } finally {
      disposeModel({ parameters, ...rest });
    }
  }
}

/** What an analysis needs to know of a run, from its folder. */
export interface AnalyzedRun extends FineTunedOptions {
  readonly student: string;
  readonly studentLabel: string | undefined;
  readonly plan: string | readonly PlanRuleData[];
}

/**
 * The models of a finished run, and the task and the plan that they are of; undefined when the folder holds no run.
 *
 * @throws SdqError as {@link readResults}, save that a folder without results is no error
 */
export function runToAnalyze(folder: string): AnalyzedRun | undefined {
  if (!existsSync(join(folder, 'results.json'))) return undefined;
  const results = readResults(folder);
  const { task, data, maxLength, plan } = results.config;
  const version = studentVersion(results);
  const studentLabel = version === undefined ? undefined : versionLabel(version, results.config);
  const [model, student] = [join(folder, 'teacher'), join(folder, 'student')];
  return { model, student, studentLabel, task, data, maxLength, plan };
}
