// Packs all packages, and fails when the entry points or types of one would not work for its users, when one ships code by
// others without a notice, or when a plug-in cannot be written against them.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPlugin } from './check-plugin.mjs';
import { bin, pack, root, run } from './packed.mjs';
import { checkNotices } from './third-party-notices.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sdq-pack-'));
try {
  const packed = pack(scratch);
  for (const { tarball, manifest } of packed) {
    await attempt(() => run(bin('publint'), ['--strict', tarball], root));
    if (manifest.exports)
      await attempt(() => run(bin('attw'), [tarball, '--profile', 'esm-only', '--quiet'], root));
    await attempt(() => checkNotices(unpack(tarball)));
  }
  await attempt(() => checkPlugin(packed, scratch));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function unpack(tarball) {
  const folder = tarball.replace(/\.tgz$/, '');
  mkdirSync(folder);
  run('tar', ['-xzf', tarball, '-C', folder], scratch);
  return join(folder, 'package');
}

async function attempt(check) {
  try {
    await check();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
