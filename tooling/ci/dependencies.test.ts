import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../../packages', import.meta.url));

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/** The names of all that an install of a package brings: its dependencies and required peers, and theirs. */
function installed(folder: string, names = new Set<string>()): Set<string> {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies };
  for (const name of [...Object.keys(wanted), ...peers]) {
    if (names.has(name)) continue;
    names.add(name);
    const found = find(name, folder);
    if (found) installed(found, names);
  }
  return names;
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
  if (name !== 'core' && name !== 'xglue' && name !== 'onnx')
    expect(names).toContain('@tensorflow/tfjs-core');
});
