import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../../packages', import.meta.url));

interface Manifest {
  readonly private?: boolean;
  readonly bin?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/** The names of all that an install of a package brings: its dependencies and required peers, and theirs. */
function installed(folder: string, names = new Set<string>()): Set<string> {
  const manifest = read(folder);
  const peers = requiredPeers(manifest);
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies };
  for (const name of [...Object.keys(wanted), ...peers]) {
    if (names.has(name)) continue;
    names.add(name);
    const found = find(name, folder);
    if (found) installed(found, names);
  }
  return names;
}

function read(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function requiredPeers({ peerDependencies = {}, peerDependenciesMeta = {} }: Manifest): string[] {
  return Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
}

/** The folder of a dependency, as Node finds it. */
function find(name: string, from: string): string | undefined {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
  }
  return undefined;
}

it.each(readdirSync(packages))("%s brings none of TensorFlow's native code", (name) => {
  const names = [...installed(join(packages, name))];
  // kernels-cuda too has the JavaScript of tfjs-node-gpu in its bundle, and builds the native part when its user asks for it.
  expect(names.filter((name) => name.startsWith('@tensorflow/tfjs-node'))).toEqual([]);
  if (requiredPeers(read(join(packages, name))).includes('@tensorflow/tfjs'))
    expect(names).toContain('@tensorflow/tfjs-core');
});

const published = readdirSync(packages).filter((name) => !read(join(packages, name)).private);

it('the command brings no Redis client, and no backend for graphics cards', () => {
  const names = [...installed(join(packages, 'cli'))];
  expect(names).toContain('@sdq/kernels-cpu');
  for (const name of ['@sdq/queue', 'bullmq', 'ioredis', '@sdq/kernels-cuda', '@sdq/kernels-webgpu'])
    expect(names).not.toContain(name);
});

/** The folder and manifest of each direct dependency of a package. */
function direct(folder: string): { name: string; folder: string; manifest: Manifest }[] {
  const { dependencies, optionalDependencies } = read(folder);
  return Object.keys({ ...dependencies, ...optionalDependencies }).flatMap((name) => {
    const found = find(name, folder);
    return found === undefined ? [] : [{ name, folder: found, manifest: read(found) }];
  });
}

it.each(published)('%s declares what its dependencies ask of their user', (name) => {
  const folder = join(packages, name);
  const { dependencies, peerDependencies, bin } = read(folder);
  const isCommand = bin !== undefined;
  const given = Object.keys({ ...dependencies, ...peerDependencies });
  const lacking = direct(folder).flatMap(({ name, manifest }) =>
    // The user of the command brings the optional parts as well, and strict package managers hand down declared ones only.
    (isCommand && name.startsWith('@sdq/')
      ? Object.keys(manifest.peerDependencies ?? {})
      : requiredPeers(manifest)
    )
      .filter((peer) => !given.includes(peer))
      .map((peer) => `${name} needs ${peer}`),
  );
  expect(lacking).toEqual([]);
});

it.each(published)('%s brings the long of TensorFlow.js beside another long', (name) => {
  const folder = join(packages, name);
  const core = find('@tensorflow/tfjs-core', find('@tensorflow/tfjs', fileURLToPath(import.meta.url))!)!;
  const supported = read(core).dependencies!.long;
  const others = direct(folder).filter(
    ({ manifest }) => (manifest.dependencies?.long ?? supported) !== supported,
  );
  // TensorFlow.js requires long and does not declare it: it gets the one that is hoisted, which more packages must ask for.
  if (others.length > 0) expect(read(folder).dependencies!.long).toBe(supported);
});

it.each(published)('what the README of %s imports is what it installs', (name) => {
  const readme = readFileSync(join(packages, name, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  const imported = [...examples.join('\n').matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(
    ([, found]) => found!,
  );
  const installed = [...readme.matchAll(/^npm install (.+)$/gm)].flatMap(([, packages]) =>
    packages!.split(/\s+/),
  );
  expect(imported.filter((found) => !installed.includes(found))).toEqual([]);
});
