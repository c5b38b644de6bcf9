// Runs in a project that installed the packages whose names it gets. Imports each, computes with TensorFlow.js, and fails
// unless the version of long that TensorFlow.js loads is the one that it declares. Prints that version.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

for (const name of process.argv.slice(2)) {
  const exported = Object.keys(await import(name));
  if (exported.length === 0) throw new Error(`${name} exports nothing.`);
}
await tf.setBackend('cpu');
const [sum] = await tf.add(1, 2).data();
if (sum !== 3) throw new Error(`1 + 2 is ${sum}.`);

// The bundle of @tensorflow/tfjs requires long and does not declare it; tfjs-core, which it bundles, does.
const bundle = createRequire(createRequire(import.meta.url).resolve('@tensorflow/tfjs'));
const core = createRequire(bundle.resolve('@tensorflow/tfjs-core'));
const declared = manifestOf(core.resolve('@tensorflow/tfjs-core')).dependencies.long;
for (const [name, require] of Object.entries({ '@tensorflow/tfjs': bundle, '@tensorflow/tfjs-core': core })) {
  const { version } = manifestOf(require.resolve('long'));
  if (version !== declared) throw new Error(`${name} gets long ${version}, and supports ${declared}.`);
}
console.log(declared);

function manifestOf(file) {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    const manifest = existsSync(path) && JSON.parse(readFileSync(path, 'utf8'));
    if (manifest?.version) return manifest;
    if (folder === dirname(folder)) throw new Error(`${file} belongs to no package.`);
  }
}
