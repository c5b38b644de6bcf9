import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Tests read the sources of sibling packages, so that no test runs against a stale build.
  resolve: { conditions: ['sdq-source', 'node', 'import', 'default'] },
  ssr: { resolve: { conditions: ['sdq-source', 'node', 'import', 'default'] } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'tooling/**/*.test.ts',
      'examples/*/*.test.ts',
      'examples/*/test/*.test.ts',
    ],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
});
