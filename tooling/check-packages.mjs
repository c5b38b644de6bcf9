// Fails when the types or entry points of a packed package would not work for its users.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sdq-pack-'));
let failed = false;
try {
  for (const name of readdirSync(join(root, 'packages'))) {
    const folder = join(root, 'packages', name);
    const { version, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const tarball = join(scratch, `sdq-${name}-${version}.tgz`);
    // pnpm, not npm, applies `publishConfig` when it packs.
    run(bin('pnpm'), ['pack', '--pack-destination', scratch], folder);
    run(bin('publint'), ['--strict', tarball], root);
    if (exports) run(bin('attw'), [tarball, '--profile', 'esm-only', '--quiet'], root);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

function bin(name) {
  return join(root, 'node_modules/.bin', name);
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) {
    failed = true;
    console.error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  }
}
