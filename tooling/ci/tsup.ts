import { defineConfig } from 'tsup';
import { thirdPartyNotices } from '../release/third-party-notices.mjs';

/** The build of one package: ESM with types, source maps, and no bundled dependencies. */
export function library({
  entry = ['src/index.ts'],
  dts = true,
}: {
  entry?: string[] | Record<string, string>;
  dts?: boolean;
} = {}) {
  return defineConfig({
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    // The types that a package is built against are those its siblings publish.
    dts: dts && { compilerOptions: { customConditions: [] } },
    sourcemap: true,
    clean: true,
    treeshake: true,
    esbuildPlugins: [thirdPartyNotices()],
  });
}
