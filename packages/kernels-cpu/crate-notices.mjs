// Writes the notices of the crates, and of Rust's standard library, that cargo links into the addon, beside it.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NOTICES, noticesText } from '../../tooling/release/third-party-notices.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const crate = join(here, 'crate');
if (existsSync(join(here, 'native', 'sdq-kernels-cpu.node'))) {
  writeFileSync(join(here, 'native', NOTICES), noticesText([...linkedCrates(), standardLibrary()]));
}

/** The crates that have code in the addon: no build scripts and no macros. */
function linkedCrates() {
  const [, host] = /^host: (.+)$/m.exec(output('rustc', ['-vV']));
  const asked = ['metadata', '--format-version', '1', '--locked', '--filter-platform', host];
  const { packages, resolve } = JSON.parse(output('cargo', asked));
  const byId = new Map(packages.map((found) => [found.id, found]));
  const dependencies = new Map(resolve.nodes.map(({ id, deps }) => [id, deps]));
  const linked = new Set();
  const visit = (id) => {
    for (const { pkg, dep_kinds } of dependencies.get(id)) {
      const isMacro = byId.get(pkg).targets.some(({ kind }) => kind.includes('proc-macro'));
      if (linked.has(pkg) || isMacro || dep_kinds.every(({ kind }) => kind !== null)) continue;
      linked.add(pkg);
      visit(pkg);
    }
  };
  visit(resolve.root);
  return [...linked].map((id) => {
    const { name, version, license, authors, manifest_path } = byId.get(id);
    const copyright = authors.length > 0 ? [`Copyright (c) ${authors.join(', ').replaceAll(' <>', '')}`] : [];
    return { name, version, license, copyright, folder: dirname(manifest_path) };
  });
}

function standardLibrary() {
  const [, version] = /^release: (.+)$/m.exec(output('rustc', ['-vV']));
  const copyright = ['Copyright (c) The Rust Project Contributors'];
  return { name: "Rust's standard library", version, license: 'Apache-2.0 OR MIT', copyright };
}

function output(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: crate,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
