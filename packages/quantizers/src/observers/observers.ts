import { type Observer, type ObserverState, SdqError, unknownName } from '@sdq/core';
import { EntropyObserver } from './entropy-observer.ts';
import { MinMaxObserver } from './min-max-observer.ts';
import { MovingAverageObserver } from './moving-average-observer.ts';
import { MseObserver } from './mse-observer.ts';
import { PercentileObserver } from './percentile-observer.ts';

/** The observers that calibration can use, by name: made for a grid of so many bits, or from what was written down. */
export const observers = {
  'min-max': { create: () => new MinMaxObserver(), from: MinMaxObserver.from },
  'moving-average': { create: () => new MovingAverageObserver(0.9), from: MovingAverageObserver.from },
  percentile: { create: () => new PercentileObserver(), from: PercentileObserver.from },
  mse: { create: (bits: number) => new MseObserver(bits), from: MseObserver.from },
  entropy: { create: () => new EntropyObserver(), from: EntropyObserver.from },
} as const;

/** The name of a calibration observer. */
export type ObserverName = keyof typeof observers;

/**
 * A fresh observer by its name.
 *
 * @param bits - of the grid that its range is for; only `mse` looks at it
 * @throws SdqError `unknown-name` that lists the observers
 *
 * @example
 * ```ts
 * import { createObserver } from '@sdq/quantizers';
 *
 * createObserver('min-max').name; // 'min-max'
 * ```
 */
export function createObserver(name: string, bits = 8): Observer {
  return known(name).create(bits);
}

/**
 * The observer that its `toJSON` described, to go on from what it had seen.
 *
 * @throws SdqError `unknown-name`; `bad-data` when the state is not one that an observer wrote
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { createObserver, observerFrom } from '@sdq/quantizers';
 *
 * const observer = createObserver('percentile');
 * observer.observe(tf.tensor1d([-1, 4]));
 * observerFrom(JSON.parse(JSON.stringify(observer))).range(); // { min: -1, max: 4 }
 * ```
 */
export function observerFrom(state: ObserverState): Observer {
  const { from } = known(state.name);
  try {
    return from(state);
  } catch (error) {
    if (error instanceof SdqError) throw error;
    throw new SdqError('bad-data', `This is no state of an observer "${state.name}".`, { cause: error });
  }
}

function known(name: string): (typeof observers)[ObserverName] {
  if (!Object.hasOwn(observers, name)) throw unknownName('observer', name, Object.keys(observers));
  return observers[name as ObserverName];
}
