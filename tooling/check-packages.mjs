// Packs all packages, and fails when the entry points or types of one would not work for its users, or when a plug-in cannot be
// written against them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, pack, root, run } from './packed.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sdq-pack-'));
try {
  for (const { tarball, manifest } of pack(scratch)) {
    attempt(() => run(bin('publint'), ['--strict', tarball], root));
    if (manifest.exports)
      attempt(() => run(bin('attw'), [tarball, '--profile', 'esm-only', '--quiet'], root));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function attempt(check) {
  try {
    check();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
