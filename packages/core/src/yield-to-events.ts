/**
 * Lets timers, signals and the terminal have their turn between two steps of long work.
 *
 * @example
 * ```ts
 * import { yieldToEvents } from '@sdq/core';
 *
 * async function all(steps: readonly (() => void)[]) {
 *   for (const step of steps) {
 *     step();
 *     await yieldToEvents();
 *   }
 * }
 * ```
 */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => {
    // Browsers have timers alone.
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
