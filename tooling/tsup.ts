import { defineConfig } from 'tsup';

/** The build of one package: ESM with types, source maps, and no bundled dependencies. */
export function library(entry: string[] = ['src/index.ts']) {
  return defineConfig({
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    dts: { compilerOptions: { customConditions: [] } },
    sourcemap: true,
    clean: true,
    treeshake: true,
  });
}
