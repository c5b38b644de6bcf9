import { ptqVersion } from '@sdq/core/results';
import type { EncoderModel } from '@sdq/models';
import { createPlan } from '@sdq/quantizers';
import { parsePtqRecipe, plainObserver } from '../config/index.ts';
import { type ObserverChoice, observerRecord } from '../model/index.ts';
import { PostTrainer } from './post-trainer.ts';
import { type Calibration, type RunSettings, requireNoInterruption } from './run-context.ts';

/** What quantizes the teacher after training, for the recipes and methods that are not finished. */
export function postTrainerFor(settings: RunSettings, teacher: EncoderModel): PostTrainer {
  const { config, plugins, dataset, folder, reporter, environment } = settings;
  const recipes = (config.ptq ?? []).filter((recipe) => !folder.finished(ptqVersion(recipe)));
  const trains = config.methods.some((method) => method !== 'ptq' && !folder.finished(method));
  return new PostTrainer({
    teacher,
    plan: createPlan(config.plan, plugins.quantizers),
    dataset,
    config,
    observers: [
      ...recipes.flatMap((recipe) => plainObserver(parsePtqRecipe(recipe)) ?? []),
      ...(trains ? (['min-max', 'percentile'] as const) : []),
    ],
    beforeBatch: () => requireNoInterruption(environment, 'quantizing after training'),
    report: (text) => reporter.message(text),
  });
}

/** The ranges of activations that training starts from, by the observer that serves this teacher better. */
export async function calibrate(
  { folder, reporter }: RunSettings,
  trainer: PostTrainer,
): Promise<Calibration> {
  const distanceOf = (observer: ObserverChoice) => folder.finished(ptqVersion(observer))?.distance;
  const [minMax, percentile] = [distanceOf('min-max'), distanceOf('percentile')];
  const observer =
    minMax !== undefined && percentile !== undefined
      ? observerRecord({ 'min-max': minMax, percentile })
      : await trainer.chooseObserver();
  reporter.event({ event: 'observer', stage: 'calibration', ...observer });
  return { ranges: await trainer.ranges(observer.chosen), observer };
}
