// Raises the versions by the changesets, writes the changelogs, and gives the Rust crate the version of its package.
// The changelogs are formatted, as everything that is committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, packageIn, root, run } from './packed.mjs';

process.stdout.write(run(bin('changeset'), ['version'], root));
const { version } = packageIn('packages/kernels-cpu').manifest;
for (const name of ['Cargo.toml', 'Cargo.lock']) {
  const file = join(root, 'packages/kernels-cpu/crate', name);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/(name = "sdq-kernels-cpu"\nversion = ")[^"]+/, `$1${version}`));
}
run(bin('biome'), ['format', '--write', 'packages'], root);
