import {
  type DistillationContext,
  type DistillationLoss,
  definePlugin,
  type EncoderShape,
  type LossFactory,
  type PluginParts,
  type Taps,
  type WeightQuantizer,
} from '@sdq/core';
import { perChannel } from '@sdq/quantizers';
import type { Tensor } from '@tensorflow/tfjs';

/** A loss whose methods lie on its class and need their object. */
class LogitMse implements DistillationLoss {
  readonly #name = 'class-logit-mse';

  get name() {
    return this.#name;
  }

  taps() {
    return this.#name.length === 0;
  }

  obstacle(teacher: EncoderShape, student: EncoderShape) {
    const { layers } = this.#same(teacher, student);
    return layers ? undefined : 'as many layers in both';
  }

  compute(teacher: Taps, student: Taps, _: DistillationContext) {
    return student.logits.squaredDifference(teacher.logits).mean().mul(this.#name.length).asScalar();
  }

  #same(teacher: EncoderShape, student: EncoderShape) {
    return { layers: teacher.layers === student.layers };
  }
}

/** A quantizer of the same kind. */
class Int5 implements WeightQuantizer {
  readonly #grid = perChannel(5);

  get name() {
    return 'class-int5';
  }

  get bits() {
    return this.#grid.bits;
  }

  get granularity() {
    return this.#grid.granularity;
  }

  fakeQuantize(weight: Tensor, site?: string) {
    return this.#grid.fakeQuantize(weight, site);
  }

  quantize(weight: Tensor, site?: string) {
    return this.#grid.quantize(weight, site);
  }
}

/** A table of losses whose factories need their table. */
const losses = {
  made: LogitMse,
  'class-logit-mse'() {
    return new this.made();
  },
};
Object.defineProperty(losses, 'made', { enumerable: false });

/** What the plug-in brings, as an object of a class too. */
class Parts implements PluginParts {
  get name() {
    return 'classes';
  }

  get quantizers() {
    return [new Int5()];
  }

  get losses() {
    return losses as unknown as Record<string, LossFactory>;
  }
}

export default definePlugin(new Parts());
