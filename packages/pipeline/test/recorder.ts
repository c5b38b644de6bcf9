import type { Reporter, RunEvent } from '@sdq/core';

/** A reporter that shows nothing and keeps the events. */
export function recorder(events: RunEvent[] = []): Reporter & { readonly events: RunEvent[] } {
  return {
    events,
    start: () => {},
    progress: () => {},
    stop: () => {},
    message: () => {},
    event: (event) => {
      events.push(event);
    },
  };
}
