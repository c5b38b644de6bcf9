/** Lets timers, signals and the terminal have their turn between two steps of long work. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
