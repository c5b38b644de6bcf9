// Puts the addon that cargo built, its sha256 and the notices of its crates into the package of this platform, which runs
// this when it is packed: the files are never committed. What was built on another platform must lie there already.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ADDON = 'sdq-kernels-cpu.node';
const HASH = `${ADDON}.sha256`;
const FILES = [ADDON, HASH, 'THIRD-PARTY-NOTICES.txt'];
/** What the packages promise to run on; a newer machine's build may ask for more. */
const NEWEST_GLIBC = 34;

const folder = process.cwd();
const { name, os, cpu } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const packed = join(folder, ADDON);
if (os.includes(process.platform) && cpu.includes(process.arch)) {
  for (const file of FILES) {
    const built = join(dirname(fileURLToPath(import.meta.url)), 'native', file);
    if (!existsSync(built))
      fail(`${built} is not there: build it by "node build-native.mjs", which needs Rust`);
    copyFileSync(built, join(folder, file));
  }
}
for (const file of FILES) {
  if (!existsSync(join(folder, file))) {
    fail(`${join(folder, file)} is not there: it must be built on ${os} ${cpu}`);
  }
}
const hash = createHash('sha256').update(readFileSync(packed)).digest('hex');
if (!readFileSync(join(folder, HASH), 'utf8').startsWith(`${hash}  `)) {
  fail(`${packed} has another sha256 than ${HASH} says: build it again`);
}
const asked = [...readFileSync(packed, 'latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) =>
  Number(minor),
);
if (Math.max(...asked, 0) > NEWEST_GLIBC) {
  fail(
    `it asks for glibc 2.${Math.max(...asked)}, its package promises 2.${NEWEST_GLIBC}: build it on an older system`,
  );
}

function fail(reason) {
  console.error(`${name} cannot be packed: ${reason}.`);
  process.exit(1);
}
