// Takes the template of a plug-in to a folder of its own, installs it there with the packed packages, checks its types under both ways
// of module resolution, runs its tests, and trains a tiny model with its quantizer and its loss.
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJiti } from 'jiti';
import { bin, root, run } from './packed.mjs';

/** Throws when a step fails. */
export async function checkPlugin(packed, scratch) {
  const folder = join(scratch, 'plugin');
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(root, 'examples/plugin', name), join(folder, name), { recursive: true });
  }
  install(folder, packed);
  const tsc = join(folder, 'node_modules/.bin/tsc');
  run(tsc, ['-p', '.'], folder);
  run(tsc, ['-p', '.', '--module', 'esnext', '--moduleResolution', 'bundler'], folder);
  run(join(folder, 'node_modules/.bin/vitest'), ['run'], folder);
  run(tsc, ['-p', 'tsconfig.build.json'], folder);
  await train(folder, packed);
}

function install(folder, packed) {
  const file = join(folder, 'package.json');
  const { version } = packed.find(({ manifest }) => manifest.name === '@sdq/core').manifest;
  const manifest = JSON.parse(readFileSync(file, 'utf8').replaceAll('workspace:^', `^${version}`));
  manifest.devDependencies['@sdq/cli'] = '*';
  // Whoever asks for one of ours gets what was packed. long: as in pnpm-workspace.yaml.
  const overrides = Object.fromEntries(
    packed.map(({ manifest: { name }, tarball }) => [name, `file:${tarball}`]),
  );
  const packageExtensions = { '@tensorflow/tfjs@4': { dependencies: { long: '4.0.0' } } };
  writeFileSync(file, JSON.stringify({ ...manifest, pnpm: { overrides, packageExtensions } }, null, 2));
  run(bin('pnpm'), ['install', '--prefer-offline', '--ignore-scripts', '--no-frozen-lockfile'], folder, {
    CI: '1',
  });
}

async function train(folder, packed) {
  /** @type {typeof import('../../packages/pipeline/test/tiny-task.ts')} */
  const tiny = await createJiti(import.meta.url).import('../../packages/pipeline/test/tiny-task.ts');
  const [data, model, plan, out] = ['data', 'model', 'plan.json', 'run'].map((name) => join(folder, name));
  tiny.writeTinyData(data);
  await tiny.writeTinyModel(model);
  writeFileSync(
    plan,
    JSON.stringify({ rules: [{ match: '**', weight: 'int4-power-of-two', activationBits: 8 }] }),
  );
  const what = ['--task', 'NC', '--xglue', data, '--model', model, '--out', out, '--methods', 'sdq'];
  const how = [
    '--epochs',
    '1',
    '--quantized-epochs',
    '1',
    '--tokens-per-batch',
    '128',
    '--train-limit',
    '90',
    '--dev-limit',
    '9',
  ];
  const own = [
    '--plugin',
    '.',
    '--plan',
    plan,
    '--losses',
    'logit-kl=1,first-token-mse=10',
    '--layers',
    'last',
  ];
  const sdq = (...args) => run(join(folder, 'node_modules/.bin/sdq'), args, folder);
  sdq('run', ...what, ...how, ...own);
  sdq('analyze', out, '--plugin', '.', '--dev-limit', '2', '--calibration-batches', '1');
  const { backend } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  const events = readFileSync(join(out, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  if (!events.some((event) => event['first-token-mse'] > 0))
    throw new Error("The run's log has no loss of the plug-in.");
  if (!existsSync(join(out, 'student/model.safetensors'))) throw new Error('The run left no student.');
  const prebuilt = packed.some(({ manifest }) => manifest.os);
  if (prebuilt && !backend.startsWith('sdq-cpu')) {
    throw new Error(`The packed kernels were not used: the run was on ${backend}.`);
  }
}
