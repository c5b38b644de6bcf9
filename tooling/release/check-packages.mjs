// Packs all packages, and fails when the entry points or types of one would not work for its users, or when a plug-in cannot be
// written against them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPlugin } from './check-plugin.mjs';
import { bin, pack, root, run } from './packed.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sdq-pack-'));
try {
  const packed = pack(scratch);
  for (const { tarball, manifest } of packed) {
    await attempt(() => run(bin('publint'), ['--strict', tarball], root));
    if (manifest.exports)
      await attempt(() => run(bin('attw'), [tarball, '--profile', 'esm-only', '--quiet'], root));
  }
  await attempt(() => checkPlugin(packed, scratch));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function attempt(check) {
  try {
    await check();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
