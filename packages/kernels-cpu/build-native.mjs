// Builds the Rust addon and puts it where the package loads it from. A machine without cargo still gets a working
// package: useSdqCpu() then says what is missing.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const crate = join(here, 'crate');
const build = spawnSync('cargo', ['build', '--release', '--locked', '--quiet'], {
  cwd: crate,
  stdio: 'inherit',
});
if (build.error) {
  console.log(
    'sdq-cpu: no cargo here, so the native kernels are not built (install Rust from https://rustup.rs).',
  );
} else if (build.status !== 0) {
  process.exit(build.status ?? 1);
} else {
  const file = { win32: 'sdq_kernels_cpu.dll', darwin: 'libsdq_kernels_cpu.dylib' }[process.platform];
  const target = join(here, 'native', 'sdq-kernels-cpu.node');
  mkdirSync(dirname(target), { recursive: true });
  const built = join(crate, 'target', 'release', file ?? 'libsdq_kernels_cpu.so');
  const hash = createHash('sha256').update(readFileSync(built)).digest('hex');
  // Renamed into place: a process that has the old file mapped keeps it.
  copyFileSync(built, `${target}.new`);
  // What the file is compared with before it is loaded; sha256sum reads it too.
  writeFileSync(`${target}.sha256.new`, `${hash}  ${basename(target)}\n`);
  for (const path of [`${target}.sha256`, target]) renameSync(`${path}.new`, path);
}
