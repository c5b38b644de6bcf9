// Builds the Rust addon and puts it where the package loads it from. A machine without cargo still gets a working
// package: useSdqCpu() then says what is missing.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
  // Renamed into place: a process that has the old file mapped keeps it.
  copyFileSync(join(crate, 'target', 'release', file ?? 'libsdq_kernels_cpu.so'), `${target}.new`);
  renameSync(`${target}.new`, target);
}
