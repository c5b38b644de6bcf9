import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Copies what setup compiles, the C++ sources of tfjs's binding and the headers of Node-API, into binding/.
 * They are shipped, and not fetched at setup, because tfjs-node-gpu's own installer would run then.
 *
 * @returns the folder of each package that they come from, and the files
 */
export function copyBinding() {
  const require = createRequire(import.meta.url);
  const target = fileURLToPath(new URL('binding', import.meta.url));
  const headers = dirname(require.resolve('node-api-headers'));
  const tfjsNode = dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  rmSync(target, { recursive: true, force: true });
  return [
    { folder: tfjsNode, from: join(tfjsNode, 'binding') },
    { folder: headers, from: join(headers, 'include') },
  ].map(({ folder, from }) => {
    const names = readdirSync(from);
    for (const name of names) cpSync(join(from, name), join(target, name));
    return { folder, files: names.map((name) => join(from, name)) };
  });
}
