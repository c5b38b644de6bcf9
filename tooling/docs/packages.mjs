// Which package imports which, as dependency-cruiser reads it from the code.
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import config from '../../.dependency-cruiser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = /^packages\/([^/]+)\/src\/(?!.*\.test\.ts$)/;

/**
 * By package, in alphabetical order: those that its sources import, tests not counted.
 *
 * @returns {Promise<Map<string, string[]>>}
 */
export async function packageImports() {
  const { exclude, doNotFollow, tsPreCompilationDeps, enhancedResolveOptions } = config.options;
  const { output } = await cruise(
    ['packages'],
    { baseDir: root, exclude, doNotFollow, tsPreCompilationDeps },
    enhancedResolveOptions,
  );
  if (typeof output === 'string') throw new Error(output);
  /** @type {Map<string, Set<string>>} */
  const imports = new Map();
  for (const { source, dependencies } of output.modules) {
    const name = SOURCE.exec(source)?.[1];
    if (name === undefined) continue;
    const own = imports.get(name) ?? new Set();
    imports.set(name, own);
    for (const { resolved } of dependencies) {
      const target = /^packages\/([^/]+)\//.exec(resolved)?.[1];
      if (target !== undefined && target !== name) own.add(target);
    }
  }
  return new Map([...imports].sort().map(([name, own]) => [name, [...own].sort()]));
}
