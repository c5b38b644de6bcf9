import { afterEach, expect, it, vi } from 'vitest';
import { yieldToEvents } from './yield-to-events.ts';

afterEach(() => vi.unstubAllGlobals());

it.each(['with setImmediate', 'without it, as in browsers'])(
  'lets a timer that is due run first: %s',
  async (where) => {
    if (where.startsWith('without')) vi.stubGlobal('setImmediate', undefined);
    let heard = false;
    setTimeout(() => {
      heard = true;
    }, 0);
    const due = performance.now() + 5;
    while (performance.now() < due);
    // A turn may begin between timers and immediates: the second one has seen both.
    await yieldToEvents();
    await yieldToEvents();
    expect(heard).toBe(true);
  },
);
