// The kernel suite of @sdq/kernels on every backend, as Markdown: `node tooling/numerics/parity-table.mjs`. A test is checked against a
// float64 reference, central differences and tfjs's plain cpu backend.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SUITES = [
  'packages/kernels/test/stock-backends.test.ts',
  'packages/kernels-cpu/test/ops.test.ts',
  'packages/kernels-cuda/test/ops.test.ts',
  'packages/kernels-webgpu/test/ops.test.ts',
];
const COLUMNS = ['cpu', 'wasm', 'sdq-cpu', 'tensorflow', 'sdq-webgpu'];
const PREFIX = 'the ops on ';

const scratch = mkdtempSync(join(tmpdir(), 'sdq-parity-'));
try {
  const report = join(scratch, 'report.json');
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...SUITES, '--reporter=json'];
  const { stderr } = spawnSync(process.execPath, [...vitest, `--outputFile.json=${report}`], {
    cwd: root,
    encoding: 'utf8',
  });
  if (!existsSync(report)) throw new Error(`vitest left no report: ${stderr}`);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  process.stdout.write(table(testResults.flatMap(({ assertionResults }) => assertionResults)));
} finally {
  rmSync(scratch, { recursive: true });
}

/** A row for each op: how many of its tests pass, of how many. */
function table(tests) {
  const rows = new Map();
  const totals = new Map();
  const skipped = [];
  for (const { ancestorTitles, title, status } of tests) {
    const at = ancestorTitles.findIndex((name) => name.startsWith(PREFIX));
    if (at < 0) continue;
    const backend = ancestorTitles[at].slice(PREFIX.length);
    if (status === 'pending' || status === 'skipped') {
      skipped.push(`${backend} ${title}`);
      continue;
    }
    const op = ancestorTitles[at + 1] ?? title.split(' ')[0];
    if (!rows.has(op)) rows.set(op, new Map());
    for (const counts of [rows.get(op), totals]) {
      const [passed, all] = counts.get(backend) ?? [0, 0];
      counts.set(backend, [passed + (status === 'passed' ? 1 : 0), all + 1]);
      if (status !== 'passed') process.exitCode = 1;
    }
  }
  const cells = (counts) => COLUMNS.map((backend) => counts.get(backend)?.join(' of ') ?? 'not run');
  const line = (first, rest) => `| ${[first, ...rest].join(' | ')} |\n`;
  return [
    line('op', COLUMNS),
    line(
      '---',
      COLUMNS.map(() => '---'),
    ),
    ...[...rows].map(([op, counts]) => line(op, cells(counts))),
    line('all', cells(totals)),
    ...skipped.map((reason) => `\nNot run: ${reason}.\n`),
  ].join('');
}
