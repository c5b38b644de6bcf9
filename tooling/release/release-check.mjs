// Shows that each package works for its users as it would be published: publishes all to a registry on this machine, installs each
// alone in an empty project, compiles the examples of its README under both ways of module resolution, and runs them; then
// installs all together by each package manager.
// `node tooling/release/release-check.mjs [NAME ...] [--write]`: --write puts the sizes into docs/releases.md. A NAME is a
// package without its scope, or a package manager: npm, pnpm, yarn-1, yarn-4.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localRegistry } from './local-registry.mjs';
import { checkManager, MANAGER_NAMES } from './package-managers.mjs';
import { bin, pack, packageFolders, packageIn, root, run } from './packed.mjs';

// A README shows an error that is thrown on purpose, and what needs a trained model.
const THROWS = ['@sdq/core'];
const TYPES_ONLY = ['@sdq/pipeline', '@sdq/report', '@sdq/serve'];
const MEGABYTE = 1e6;
const REPORT = join(root, 'docs/releases.md');

const asked = process.argv.slice(2).filter((name) => !name.startsWith('--'));
const scratch = mkdtempSync(join(tmpdir(), 'sdq-release-'));
const registry = await localRegistry(scratch);
const { npm, stop } = registry;
let failed = 0;
try {
  const packed = pack(scratch);
  for (const { tarball } of packed) npm(['publish', tarball], scratch);
  const baseline = install('tfjs', ['@tensorflow/tfjs']);
  const rows = [];
  const portable = packed.filter(({ manifest }) => manifest.os === undefined);
  const published = portable.map(({ manifest }) => manifest);
  for (const { manifest, folder } of portable) {
    const short = manifest.name.replace('@sdq/', '');
    if (asked.length > 0 && !asked.includes(short)) continue;
    try {
      const started = performance.now();
      const readme = readFileSync(join(root, folder, 'README.md'), 'utf8');
      const project = install(short, installed(readme, manifest));
      const ran = tryExamples(project.path, readme, manifest);
      rows.push({
        name: manifest.name,
        own: bytesOf(join(project.path, 'node_modules', manifest.name)),
        ...project,
      });
      console.log(`ok: ${manifest.name}: ${ran}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED: ${manifest.name}\n${error.message}`);
    }
  }
  for (const manager of MANAGER_NAMES) {
    if (asked.length > 0 && !asked.includes(manager)) continue;
    try {
      const started = performance.now();
      const folder = join(scratch, 'managers', manager);
      const long = checkManager(manager, published, registry, folder);
      rmSync(folder, { recursive: true });
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      console.log(`ok: all packages by ${manager}, with long ${long}, ${seconds} s`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED: all packages by ${manager}\n${error.message}`);
    }
  }
  const table = sizeTable(rows, baseline);
  console.log(`\n${table}`);
  if (process.argv.includes('--write') && failed === 0) writeTable(table);
} finally {
  stop();
  rmSync(scratch, { recursive: true, force: true });
}
const nowhere = packageFolders().filter((folder) => !packageIn(folder).manifest.repository?.url);
if (nowhere.length > 0) {
  console.log(
    `\nBefore the first publish, which is refused without: set repository.url in the package.json of ${nowhere.join(', ')}.`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;

/** What a README tells its reader to install; where it tells nothing, the package and what it must be installed beside. */
function installed(readme, { name, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const [, told] = /^npm install (?:--global )?(.+)$/m.exec(readme) ?? [];
  if (told) return told.trim().split(/\s+/);
  return [name, ...Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional)];
}

/** An empty project with these packages, and how much they brought. */
function install(short, packages) {
  const path = join(scratch, 'projects', short);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'try', private: true, type: 'module' }));
  npm(['install', ...packages], path);
  return { path, packages: packagesIn(path).length, bytes: bytesOf(join(path, 'node_modules')) };
}

function packagesIn(path) {
  const { packages } = JSON.parse(readFileSync(join(path, 'node_modules/.package-lock.json'), 'utf8'));
  return Object.keys(packages);
}

function bytesOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

/** Compiles the examples of a README under both resolutions, and runs what they compile to; a command is asked for its help. */
function tryExamples(path, readme, { name, bin: commands = {} }) {
  for (const command of Object.keys(commands)) {
    run(join(path, 'node_modules/.bin', command), ['--help'], path);
    run(join(path, 'node_modules/.bin', command), ['doctor'], path);
  }
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  if (examples.length === 0) return 'no examples';
  examples.forEach((code, i) => {
    writeFileSync(join(path, `example-${i + 1}.ts`), `${code}\nexport {};\n`);
  });
  // Types of Node, which every TypeScript project for Node has, from this repository.
  mkdirSync(join(path, 'node_modules/@types'), { recursive: true });
  if (!existsSync(join(path, 'node_modules/@types/node'))) {
    cpSync(join(root, 'node_modules/@types/node'), join(path, 'node_modules/@types/node'), {
      recursive: true,
      dereference: true,
    });
    const types = join(root, 'node_modules/@types/node/node_modules');
    if (existsSync(types)) cpSync(types, join(path, 'node_modules'), { recursive: true, dereference: true });
  }
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['node16', 'node16'],
  ]) {
    const options = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['es2023'],
      strict: true,
      types: ['node'],
      skipLibCheck: true,
    };
    writeFileSync(
      join(path, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
    );
    run(bin('tsc'), ['-p', path], path);
  }
  if (TYPES_ONLY.includes(name)) return `${examples.length} examples compiled`;
  // The folders that the examples of @sdq/xglue read.
  cpSync(join(root, 'packages/xglue/test/fixtures/xglue'), join(path, 'xglue'), { recursive: true });
  cpSync(join(root, 'packages/xglue/test/fixtures/predictions'), join(path, 'predictions'), {
    recursive: true,
  });
  for (let i = 1; i <= examples.length; i++) {
    let thrown = '';
    try {
      run(process.execPath, [`example-${i}.js`], path);
    } catch (error) {
      thrown = error.message;
    }
    if (THROWS.includes(name) !== /^SdqError: /m.test(thrown) || (thrown && !THROWS.includes(name))) {
      throw new Error(thrown || `Example ${i} threw nothing.`);
    }
  }
  return `${examples.length} examples compiled and run`;
}

function sizeTable(rows, baseline) {
  const megabytes = (bytes) => (bytes / MEGABYTE).toFixed(1);
  const lines = rows.map(({ name, own, packages, bytes }) => [
    name,
    (own / 1000).toFixed(0),
    packages,
    megabytes(bytes),
  ]);
  return [
    '| package | unpacked, kB | packages installed | MB installed |',
    '| --- | --- | --- | --- |',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
    `| @tensorflow/tfjs alone | | ${baseline.packages} | ${megabytes(baseline.bytes)} |`,
  ].join('\n');
}

function writeTable(table) {
  const text = readFileSync(REPORT, 'utf8');
  const marked = /(<!-- sizes -->\n).*?(<!-- \/sizes -->)/s;
  if (!marked.test(text)) throw new Error(`${REPORT} has no place for the sizes.`);
  writeFileSync(
    REPORT,
    text.replace(marked, (_, before, after) => `${before}\n${table}\n\n${after}`),
  );
  run(bin('biome'), ['format', '--write', REPORT], root);
}
