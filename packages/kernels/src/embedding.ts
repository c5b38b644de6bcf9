import { SdqError } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.ts';
import { hasKernel, registerKernelGradient, runKernel } from './native-kernel.ts';
import { matrixShape } from './shapes.ts';

const SdqEmbedding = 'SdqEmbedding';

registerKernelGradient(SdqEmbedding, {
  gradient: ([dy], _, attributes) => ({
    table: () => runKernel('SdqEmbeddingGrad', { dy: dy! }, attributes),
  }),
});

/**
 * The rows of a table that the ids name.
 *
 * The gradient is dense, [rows, hidden]: for a large vocabulary, look up only the rows in use and train them with
 * {@link AdamW.stepRows}.
 *
 * @param table - [rows, hidden]
 * @param ids - [tokens], each in [0, rows)
 * @returns [tokens, hidden]
 * @throws SdqError `bad-shape`; `bad-value` that names an id out of range
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { embedding } from '@sdq/kernels';
 *
 * embedding(tf.tensor2d([[1, 2], [3, 4]]), Int32Array.of(1)).dataSync(); // [3, 4]
 * ```
 */
export function embedding(table: tf.Tensor, ids: Int32Array): tf.Tensor2D {
  const [rows, hidden] = matrixShape('embedding', 'the table', table);
  for (const id of ids) {
    if (id < 0 || id >= rows) {
      throw new SdqError('bad-value', `The id ${id} is not in [0, ${rows}), the rows of the table.`);
    }
  }
  if (hasKernel(SdqEmbedding)) return runKernel(SdqEmbedding, { table }, { ids, rows }) as tf.Tensor2D;
  if (ids.length === 0) return tf.zeros([0, hidden]);
  return withGradient(
    table,
    (table) => tf.gather(table as tf.Tensor2D, tf.tensor1d(ids, 'int32')),
    // scatterND adds up the rows of one id; tfjs's own gradient of gather has no wasm kernel.
    (dy) => tf.scatterND(tf.tensor2d(ids, [ids.length, 1], 'int32'), dy, [rows, hidden]),
  );
}
