// Installs and builds the workspace on a fresh machine that has Node, npm and (for the fast kernels) Rust.
import { spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
// The next major of pnpm wants Node 22; this one runs on every Node that the project supports.
const PNPM = 'pnpm@10.34.9';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node ${process.versions.node} is too old: install Node 20.19 or newer.`);
}
step('Installing packages', 'npx', [
  '--yes',
  PNPM,
  'install',
  '--frozen-lockfile',
  '--prefer-offline',
  '--silent',
]);
step('Building packages', process.execPath, [
  `${root}/node_modules/turbo/bin/turbo`,
  'run',
  'build',
  '--output-logs=errors-only',
]);

function step(title, command, args) {
  const started = Date.now();
  process.stderr.write(`${title} ...\n`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: {
      ...process.env,
      // turbo looks for the package manager on the path.
      PATH: `${root}/node_modules/.bin${delimiter}${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      CI: process.env.CI ?? '1',
    },
  });
  if (error || status !== 0) {
    fail(`${title} failed${error ? `: ${error.message}` : ''}; the lines above say why.`);
  }
  process.stderr.write(`${title}: ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
