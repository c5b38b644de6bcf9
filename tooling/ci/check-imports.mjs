// Fails when a package depends on, or imports, one that is not below it in the architecture.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BELOW = {
  core: [],
  kernels: ['core'],
  'kernels-cpu': ['core', 'kernels'],
  'kernels-cuda': ['core', 'kernels'],
  'kernels-webgpu': ['core', 'kernels'],
  quantizers: ['core', 'kernels'],
  distillation: ['core', 'kernels'],
  models: ['core', 'kernels'],
  xglue: ['core'],
  onnx: ['core', 'models'],
  pipeline: ['core', 'kernels', 'quantizers', 'distillation', 'models', 'xglue'],
  cli: [
    'core',
    'kernels',
    'kernels-cpu',
    'kernels-cuda',
    'kernels-webgpu',
    'quantizers',
    'distillation',
    'models',
    'xglue',
    'onnx',
    'pipeline',
  ],
};
// A test may run on the fast backend, check another's kernels, or compare with simulated quantization, which its package may
// not need.
const IN_TESTS = ['kernels', 'kernels-cpu', 'quantizers'];

const packages = fileURLToPath(new URL('../../packages', import.meta.url));
const problems = [];
for (const name of readdirSync(packages)) {
  if (!(name in BELOW)) {
    problems.push(
      `packages/${name} has no place in the architecture: add it to tooling/ci/check-imports.mjs.`,
    );
    continue;
  }
  const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'));
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  for (const dependency of declared) report(name, dependency, 'package.json');
  for (const folder of ['src', 'test']) {
    for (const file of sources(join(packages, name, folder))) {
      for (const [, imported] of readFileSync(file, 'utf8').matchAll(/from\s+'(@sdq\/[^']+)'/g)) {
        report(
          name,
          imported,
          file.slice(packages.length + 1),
          folder === 'test' || file.endsWith('.test.ts'),
        );
      }
    }
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}

function report(name, imported, where, isTest = false) {
  if (!imported.startsWith('@sdq/')) return;
  const target = imported.slice('@sdq/'.length).split('/')[0];
  if (target === name || BELOW[name].includes(target) || (isTest && IN_TESTS.includes(target))) return;
  problems.push(`${where}: @sdq/${name} may not import @sdq/${target}.`);
}

function sources(folder) {
  try {
    return readdirSync(folder, { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
