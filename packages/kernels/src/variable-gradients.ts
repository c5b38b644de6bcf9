import * as tf from '@tensorflow/tfjs';

/**
 * The value of a loss and its gradients by the names of variables, as tf.variableGrads gives them, in less memory: what an
 * op saved for its gradient, and the gradient of its output, go as soon as the backward pass is done with the op, not all at
 * its end.
 *
 * @param loss - gives a scalar
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { variableGradients } from '@sdq/kernels';
 *
 * const weight = tf.variable(tf.tensor1d([1, 2]), true, 'weight');
 * const { value, grads } = variableGradients(() => weight.square().sum(), [weight]);
 * value.dataSync(); // [5]
 * grads.weight!.dataSync(); // [2, 4]
 * ```
 */
export function variableGradients(
  loss: () => tf.Scalar,
  variables: tf.Variable[],
): { value: tf.Scalar; grads: tf.NamedTensorMap } {
  return tf.variableGrads(() => {
    const value = loss();
    releaseOnTheWay(tf.engine().state.activeTape);
    return value;
  }, variables);
}

type TapeNode = ReturnType<typeof tf.engine>['state']['activeTape'][number];

/** Makes each node of a tape, when its gradient is asked for, dispose of what the later nodes kept. */
function releaseOnTheWay(tape: readonly TapeNode[]): void {
  const dead: tf.Tensor[] = [];
  const accumulated = new Set<number>();
  for (const node of tape) {
    const { gradient } = node;
    if (!gradient) continue;
    // That of tf.customGrad computes at once, and would leave all that it needed on its way.
    const gradients = tf.getGradient(node.kernelName)
      ? gradient
      : (dys: tf.Tensor[]) => {
          const computed = tf.tidy(() =>
            Object.fromEntries(Object.entries(gradient(dys)).map(([name, compute]) => [name, compute()])),
          );
          return Object.fromEntries(Object.entries(computed).map(([name, dx]) => [name, () => dx]));
        };
    node.gradient = (dys) => {
      tf.dispose(dead);
      dead.length = 0;
      dead.push(...(node.saved ?? []), ...dys.filter((dy) => dy !== null));
      const handles = new Set(dys);
      return Object.fromEntries(
        Object.entries(gradients(dys)).map(([name, compute]) => [
          name,
          () => {
            const dx = compute();
            const own = handles.has(dx) ? dx.clone() : dx;
            handles.add(own);
            // The engine keeps the first gradient of a tensor, and adds the others to it.
            const { id } = node.inputs[name]!;
            if (accumulated.has(id)) dead.push(own);
            accumulated.add(id);
            return own;
          },
        ]),
      );
    };
  }
}
