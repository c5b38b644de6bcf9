// Installs all packages into an empty project by each package manager, and runs a program there that imports them.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bin, root, run } from './packed.mjs';

const require = createRequire(import.meta.url);

/** How each installs what package.json asks for, from a registry at `url`, keeping what it downloads in `cache`. */
const MANAGERS = {
  npm: ({ npm, path }) => npm(['install'], path),
  pnpm: ({ url, path, cache }) =>
    run(bin('pnpm'), ['install', '--registry', url, '--store-dir', cache, '--ignore-workspace'], path, {
      CI: '1',
    }),
  'yarn-1': ({ url, path, cache }) => {
    const yarn = require.resolve('yarn/bin/yarn.js');
    const quiet = ['--non-interactive', '--no-progress', '--silent', '--ignore-engines'];
    run(process.execPath, [yarn, 'install', '--registry', url, '--cache-folder', cache, ...quiet], path);
  },
  'yarn-4': ({ url, path, cache }) => {
    const settings = {
      nodeLinker: 'node-modules',
      npmRegistryServer: url,
      unsafeHttpWhitelist: [new URL(url).hostname],
      globalFolder: cache,
      enableGlobalCache: true,
      enableImmutableInstalls: false,
      enableTelemetry: false,
      // It waits a day before it takes a new version of a package, such as those that were just published here.
      npmMinimalAgeGate: 0,
    };
    writeFileSync(join(path, '.yarnrc.yml'), JSON.stringify(settings));
    // Without a lock file of its own a project belongs to the one in a folder above it.
    writeFileSync(join(path, 'yarn.lock'), '');
    run(process.execPath, [require.resolve('@yarnpkg/cli-dist/bin/yarn.js'), 'install'], path);
  },
};

export const MANAGER_NAMES = Object.keys(MANAGERS);

/**
 * Throws when the packages do not work as a manager installs them: TensorFlow.js gets a version of long that it does not
 * support, or one of the packages cannot be imported.
 *
 * @param manager - one of `MANAGER_NAMES`
 * @param manifests - those of the packages
 * @param registry - of `localRegistry`
 * @param folder - an empty folder
 * @returns the version of long
 */
export function checkManager(manager, manifests, { npm, url }, folder) {
  const path = join(folder, 'project');
  mkdirSync(path, { recursive: true });
  const dependencies = Object.fromEntries(manifests.map(({ name, version }) => [name, version]));
  for (const { peerDependencies = {}, peerDependenciesMeta = {} } of manifests) {
    for (const [peer, range] of Object.entries(peerDependencies)) {
      if (!peerDependenciesMeta[peer]?.optional) dependencies[peer] = range;
    }
  }
  writeFileSync(
    join(path, 'package.json'),
    JSON.stringify({ name: 'try', private: true, type: 'module', dependencies }),
  );
  MANAGERS[manager]({ npm, url, path, cache: join(folder, 'cache') });
  const libraries = manifests.filter(({ exports }) => exports).map(({ name }) => name);
  cpSync(join(root, 'tooling/release/installed-program.mjs'), join(path, 'program.mjs'));
  const version = run(process.execPath, ['program.mjs', ...libraries], path)
    .trim()
    .split('\n')
    .at(-1);
  for (const { bin: commands = {} } of manifests) {
    for (const command of Object.keys(commands))
      run(join(path, 'node_modules/.bin', command), ['--help'], path);
  }
  return version;
}
