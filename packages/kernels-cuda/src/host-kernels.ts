import type { AdamStep, AdamUpdate, HostKernels } from '@sdq/kernels';
import type { FiniteTensors } from './finite-tensors.ts';
import type { Operand, Operators } from './operators.ts';

/** The kernels of @sdq/kernels that give numbers or update variables. */
export function cudaHostKernels(t: Operators, finite: FiniteTensors): HostKernels {
  const adam = new ResourceAdam(t);
  return {
    minMax: (x) => finite.range(x),
    sumOfSquares(tensors) {
      const halves = tensors.filter(({ size }) => size > 0).map((x) => t.halfSquares(t.of(x)));
      return halves.length === 0 ? 0 : t.read(t.pack(halves)).reduce((sum, half) => sum + 2 * half, 0);
    },
    adamW(updates, step) {
      for (const update of updates) adam.update(update, step);
    },
  };
}

/** TensorFlow's own Adam, which changes its variables in place in one pass. */
class ResourceAdam {
  private resources:
    | { readonly value: Operand; readonly mean: Operand; readonly square: Operand }
    | undefined;

  constructor(private readonly t: Operators) {}

  update({ variable, gradient, mean, square, weightDecay }: AdamUpdate, step: AdamStep): void {
    if (variable.size === 0) return;
    const { t } = this;
    const { beta1, beta2, epsilon, learningRate, gradientScale } = step;
    this.resources ??= { value: t.variable('value'), mean: t.variable('mean'), square: t.variable('square') };
    const { value: value_, mean: mean_, square: square_ } = this.resources;
    const root = Math.sqrt(1 - beta2 ** step.step);
    const stepSize = learningRate / (1 - beta1 ** step.step);
    const [updated] = t.kernel(() => {
      const slope = t.of(gradient);
      const scaled = t.hold(gradientScale === 1 ? slope : t.mul(slope, t.number(gradientScale)));
      const keep = 1 - learningRate * weightDecay;
      // Changed in place where nobody else holds the values; TensorFlow copies them else.
      t.assign(value_, keep === 1 ? t.of(variable) : t.mul(t.of(variable), t.number(keep)));
      t.assign(mean_, t.take(mean));
      t.assign(square_, t.take(square));
      try {
        // TensorFlow corrects the bias of both means in the step size, so its epsilon is another.
        const numbers = [0, 0, t.number(stepSize * root), beta1, beta2, t.number(epsilon * root)];
        const flags = [t.type('T'), t.flag('use_locking', false), t.flag('use_nesterov', false)];
        t.run('ResourceApplyAdam', [value_, mean_, square_, ...numbers, scaled], flags, 0);
      } finally {
        t.give(mean, t.valueOf(mean_));
        t.give(square, t.valueOf(square_));
      }
      return [t.valueOf(value_)];
    });
    variable.assign(updated!);
    updated!.dispose();
  }
}
