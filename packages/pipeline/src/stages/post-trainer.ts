import { languageNames } from '@sdq/core/results';
import {
  type Batch,
  type Classifier,
  type EncoderModel,
  familyOf,
  floatClassifier,
  groupByTokens,
  packBatch,
} from '@sdq/models';
import {
  calibrate,
  gridsForRanges,
  type ObserverName,
  type Plan,
  quantize,
  resolvePlan,
  type SiteRanges,
  sitesOf,
} from '@sdq/quantizers';
import { quantizedClassifier } from '@sdq/serve';
import {
  parsePtqRecipe,
  plainObserver,
  planForRecipe,
  postTrainingOptions,
  type RunConfig,
} from '../config/index.ts';
import { calibrationBatches, type Dataset } from '../data/index.ts';
import {
  calibratedModel,
  chooseObserver,
  logitDistance,
  logitsOn,
  type ObserverRecord,
  type PostTrainedClassifier,
  postTrainedClassifier,
  quantizeModel,
} from '../model/index.ts';

const TOKENS_PER_BATCH = 1024;

/** What a {@link PostTrainer} works with. */
export interface PostTrainerOptions {
  readonly teacher: EncoderModel;
  readonly plan: Plan;
  readonly dataset: Pick<Dataset, 'train' | 'trainLanguages' | 'heldOut'>;
  readonly config: Pick<RunConfig, 'calibrationBatches' | 'seed'>;
  /** The observers whose ranges will be asked for: all are found in one pass. */
  readonly observers: readonly ObserverName[];
  /** Called before each batch; what it throws ends the work. */
  readonly beforeBatch: () => void;
  readonly report: (text: string) => void;
}

/**
 * Quantizes a teacher after training, calibrated on training text, and measures how far that moves its logits on training
 * text that is held out from calibration and training.
 */
export class PostTrainer {
  private found: Record<string, SiteRanges> | undefined;
  private wanted: Awaited<ReturnType<typeof logitsOn>> | undefined;
  private readonly heldOut: readonly Batch[];

  constructor(private readonly options: PostTrainerOptions) {
    const { train, heldOut } = options.dataset;
    // Of a training set that is too small nothing is held out.
    const examples = heldOut.length > 0 ? heldOut : train;
    const lengths = examples.map(({ ids }) => ids.length);
    this.heldOut = groupByTokens(lengths, TOKENS_PER_BATCH).map((group) => packBatch(examples, group));
  }

  /** The teacher quantized by a recipe, with memory of its own. */
  async make(name: string): Promise<PostTrainedClassifier> {
    const recipe = parsePtqRecipe(name);
    const { teacher } = this.options;
    const observer = plainObserver(recipe);
    if (observer !== undefined) {
      const model = await this.nearest(observer);
      return { model, ...quantizedClassifier(model) };
    }
    const plan = planForRecipe(this.options.plan, recipe);
    const result = await quantize(this.calibrated(), this.calibration(), plan, postTrainingOptions(recipe));
    return postTrainedClassifier(
      teacher,
      resolvePlan(plan, sitesOf(teacher.parameters), familyOf(teacher.config.family).roleOf),
      result,
    );
  }

  /** The mean squared difference of a model's logits from the teacher's on text that is held out. */
  async distance(classify: Classifier): Promise<number> {
    this.wanted ??= await logitsOn(floatClassifier(this.options.teacher), this.heldOut);
    return logitDistance(this.wanted, await logitsOn(this.checked(classify), this.heldOut));
  }

  /** Which ranges training starts from: those of the observer whose model is closest to the teacher. */
  async chooseObserver(): Promise<ObserverRecord> {
    const candidates = {
      'min-max': await this.nearest('min-max'),
      percentile: await this.nearest('percentile'),
    };
    return chooseObserver(this.checked(floatClassifier(this.options.teacher)), candidates, this.heldOut);
  }

  /** The range of each site's input that an observer found. */
  async ranges(observer: ObserverName): Promise<SiteRanges> {
    if (!this.found) {
      const { observers } = this.options;
      const names = [...new Set([...observers, observer])];
      this.found = await calibrate(this.calibrated(), this.calibration(), this.resolved(), names);
    }
    return this.found[observer]!;
  }

  private async nearest(observer: ObserverName) {
    const plan = this.resolved();
    return quantizeModel(this.options.teacher, plan, gridsForRanges(await this.ranges(observer), plan));
  }

  private resolved() {
    const { plan, teacher } = this.options;
    return resolvePlan(plan, sitesOf(teacher.parameters), familyOf(teacher.config.family).roleOf);
  }

  private calibration(): Batch[] {
    const { dataset, config, report } = this.options;
    const batches = calibrationBatches(dataset.train, config.calibrationBatches, config.seed);
    report(`Calibrating on ${batches.length} batches of ${languageNames(dataset.trainLanguages)} text ...`);
    return batches;
  }

  private calibrated(): ReturnType<typeof calibratedModel> {
    const { teacher, beforeBatch } = this.options;
    const model = calibratedModel(teacher);
    return {
      ...model,
      forward: (...inputs) => {
        beforeBatch();
        return model.forward(...inputs);
      },
    };
  }

  private checked(classify: Classifier): Classifier {
    return (batch) => {
      this.options.beforeBatch();
      return classify(batch);
    };
  }
}
