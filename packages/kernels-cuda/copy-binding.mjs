// Copies what setup compiles, the C++ sources of tfjs's binding and the headers of Node-API, into binding/.
// They are shipped, and not fetched at setup, because tfjs-node-gpu's own installer would run then.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL('binding', import.meta.url));
const headers = join(dirname(require.resolve('node-api-headers')), 'include');
const sources = join(dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json')), 'binding');

rmSync(target, { recursive: true, force: true });
for (const from of [sources, headers]) {
  for (const name of readdirSync(from)) cpSync(join(from, name), join(target, name));
}
