// Figures of how the sources of packages are laid out, as Markdown, a column a revision:
// `node tooling/docs/structure-figures.mjs REVISION ...`, `.` being the files as they are.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from '@sdq/report';
import { cruise } from 'dependency-cruiser';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The figures of the packages below a folder, by what they say. Sources are the `.ts` files in `src/` of packages, tests not
 * counted. A file is in a circle when it imports itself through others of its package, types included.
 *
 * @param {string} folder
 * @returns {Promise<Map<string, string>>}
 */
export async function structureFigures(folder) {
  const files = readdirSync(join(folder, 'packages'))
    .flatMap((name) => sources(join('packages', name, 'src'), folder))
    .sort();
  const folders = counts(files.map(dirname));
  const tooling = counts(sources('tooling', folder, /\.(mjs|ts|py)$/).map(dirname));
  const lines = files.map((file) => readFileSync(join(folder, file), 'utf8').split('\n').length - 1);
  const longest = lines.indexOf(Math.max(...lines));
  const largest = (/** @type {Map<string, number>} */ of) => {
    const [name, count] = [...of].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
    return `${count} (${name})`;
  };
  return new Map([
    ['packages', String(new Set(files.map((file) => file.split('/')[1])).size)],
    ['source files', String(files.length)],
    ['folders with sources', String(folders.size)],
    ['files of the largest folder', largest(folders)],
    ['files a folder, on average', (files.length / folders.size).toFixed(1)],
    ['lines of the longest file', `${lines[longest]} (${files[longest] ? basename(files[longest]) : ''})`],
    ['files in circles of imports', String(await filesInCircles(folder))],
    ['files of the largest folder of tooling', largest(tooling)],
    ['experiment files', String(sources('experiments', folder).length)],
  ]);
}

/** @param {string} folder */
async function filesInCircles(folder) {
  const { output } = await cruise(['packages'], {
    baseDir: folder,
    exclude: { path: ['/(dist|node_modules)/', '\\.test\\.ts$', '^packages/[^/]+/(test|bench)/'] },
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden: [{ name: 'circle', from: {}, to: { circular: true } }] },
  });
  if (typeof output === 'string') throw new Error(output);
  return output.modules.filter(({ dependencies }) => dependencies.some(({ circular }) => circular)).length;
}

/**
 * @param {string} path
 * @param {string} folder
 */
function sources(path, folder, kind = /(?<!\.test|\.d)\.ts$/) {
  try {
    return readdirSync(join(folder, path), { recursive: true, encoding: 'utf8' })
      .filter((file) => kind.test(file) && !/(^|\/)(node_modules|\.examples)/.test(file))
      .map((file) => join(path, file));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return [];
    throw error;
  }
}

/** @param {readonly string[]} names */
function counts(names) {
  const found = new Map();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}

/**
 * The figures of a revision of the repository.
 *
 * @param {string} revision
 */
async function figuresOf(revision) {
  if (revision === '.') return structureFigures(root);
  const folder = mkdtempSync(join(tmpdir(), 'sdq-structure-'));
  try {
    const archive = execFileSync('git', ['archive', revision], { cwd: root, maxBuffer: 2 ** 30 });
    execFileSync('tar', ['-x', '-C', folder], { input: archive });
    return await structureFigures(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const revisions = process.argv.slice(2);
  const found = [];
  for (const revision of revisions) found.push(await figuresOf(revision));
  const rows = [...(found[0]?.keys() ?? [])].map((name) => [
    name,
    ...found.map((one) => one.get(name) ?? ''),
  ]);
  console.log(markdownTable([['', ...revisions.map((one) => (one === '.' ? 'now' : one))], ...rows]));
}
