// Runs every check and test, and prints the totals as the last line: `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sdq-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };

try {
  check('Lint and format', 'node_modules/.bin/biome', ['check', '.']);
  check('Nothing is unused', 'node_modules/.bin/knip', ['--no-config-hints']);
  check('Imports go downwards, and in no circles', 'node_modules/.bin/depcruise', [
    ...['packages', 'tooling', 'examples', 'experiments'],
  ]);
  check('Types', 'node_modules/.bin/turbo', ['run', 'typecheck', '--output-logs=errors-only']);
  check('Types of scripts and experiments', 'node_modules/.bin/tsc', ['-p', 'tooling']);
  check('The code of each package is as small as it was', 'node_modules/.bin/size-limit', ['--silent']);
  check('Packages, and a plug-in, work as packed', process.execPath, ['tooling/release/check-packages.mjs']);
  runCargo();
  runVitest();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function run(command, args, options = {}) {
  return spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      // turbo looks for the package manager on the path.
      PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      NO_COLOR: '1',
    },
    ...options,
  });
}

/** A check that counts as one test. */
function check(title, command, args) {
  const passed = run(command, args).status === 0;
  totals[passed ? 'passed' : 'failed'] += 1;
  console.log(`${passed ? 'ok' : 'FAILED'}: ${title}`);
}

function runCargo() {
  const manifest = ['--manifest-path', 'packages/kernels-cpu/crate/Cargo.toml'];
  if (spawnSync('cargo', ['--version']).status !== 0) {
    console.log('SKIPPED: the Rust tests, since there is no cargo');
    totals.skipped += 1;
    return;
  }
  check('Clippy', 'cargo', ['clippy', '--quiet', '--release', ...manifest, '--', '-D', 'warnings']);
  const { stdout, status } = run('cargo', ['test', '--quiet', '--release', ...manifest], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  const printed = String(stdout);
  console.log(printed);
  let counted = false;
  for (const [, passed, failed, ignored] of printed.matchAll(/(\d+) passed; (\d+) failed; (\d+) ignored/g)) {
    counted = true;
    totals.passed += Number(passed);
    totals.failed += Number(failed);
    totals.skipped += Number(ignored);
  }
  if (status !== 0 && (!counted || totals.failed === 0)) totals.failed += 1;
}

function runVitest() {
  const report = join(scratch, 'report.json');
  const { status } = run('node_modules/.bin/vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    totals.passed += result.numPassedTests;
    totals.failed += result.numFailedTests;
    totals.skipped += result.numPendingTests + result.numTodoTests;
    // A file that cannot be loaded has no test that failed.
    if (status !== 0 && result.numFailedTests === 0) totals.failed += Math.max(1, result.numFailedTestSuites);
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    totals.failed += 1;
  }
}
