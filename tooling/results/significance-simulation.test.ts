import { expect, it } from 'vitest';
import { simulate } from './significance-simulation.mjs';

it.each([
  [0.2, 1],
  [0.5, 1],
  [0.8, 1],
  [0.5, 3],
])(
  'rarely finds a difference between models that are alike (correlation %d, clusters of %d)',
  (correlation, cluster) => {
    const { significant, covered } = simulate({
      correlation,
      cluster,
      languages: 5,
      examples: 45,
      trials: 500,
      samples: 199,
      seed: 0,
    });
    expect(significant).toBeLessThanOrEqual(0.06);
    // A test that never finds anything would pass as well.
    expect(significant).toBeGreaterThan(0.02);
    expect(covered).toBeGreaterThan(0.92);
  },
);
