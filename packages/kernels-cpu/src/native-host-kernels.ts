import type { HostKernels } from '@sdq/kernels';
import type { Addon } from './addon.ts';
import type { SdqCpuBackend } from './backend.ts';
import { IntegerModel } from './integer-model.ts';

/** The kernels whose results are numbers, or that change variables in place. */
export function nativeHostKernels(addon: Addon, backend: SdqCpuBackend): HostKernels {
  return {
    createIntegerModel: IntegerModel.create,
    minMax: (x) => addon.minMax(backend.floats(x)),
    sumOfSquares: (tensors) => addon.sumOfSquares(tensors.map((x) => backend.floats(x))),
    adamW(updates, step) {
      addon.adamW(
        updates.map(({ variable }) => backend.exclusive(variable)),
        updates.map(({ gradient }) => backend.floats(gradient)),
        updates.map(({ mean }) => backend.floats(mean)),
        updates.map(({ square }) => backend.floats(square)),
        updates.map(({ weightDecay }) => weightDecay),
        step,
      );
    },
    adamWRows({ table, rowIds, slots, gradients, means, squares, weightDecay }, step) {
      addon.adamWRows(
        backend.exclusive(table),
        rowIds,
        slots,
        backend.floats(gradients),
        means,
        squares,
        table.shape[1]!,
        weightDecay,
        step,
      );
    },
  };
}
