import type { Reporter } from '@sdq/core';

/** Exit code of a command that Ctrl-C ended: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;

/**
 * Does long work that a signal (SIGINT, SIGTERM) asks to save and stop; the second signal ends the process at once.
 */
export async function interruptible<T>(
  reporter: Reporter,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    reporter.message('\nSaving, then stopping; once more to stop at once.');
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** Ends this process when the one that started it has gone, if that one holds a channel to it. */
export function endWithParent(): void {
  process.once('disconnect', () => process.exit(INTERRUPTED));
  // A listener alone would keep a process alive that has done its work.
  process.channel?.unref();
}
