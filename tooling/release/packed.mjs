// The packages as they are published: packed by pnpm, which resolves `workspace:` and applies `publishConfig`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The folders of all packages that are published, those of platforms among them. */
export function packageFolders() {
  const folders = ['packages', 'packages/kernels-cpu/platforms'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  );
  return folders.filter((folder) => !packageIn(folder).manifest.private);
}

/** A package: its folder, manifest, and the name of the file that it is packed as. */
export function packageIn(folder) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
  return { folder, manifest, file };
}

/** Packs all packages into a folder, save those of platforms that were not built here. */
export function pack(destination) {
  return packageFolders().flatMap((folder) => {
    const found = packageIn(folder);
    const { os } = found.manifest;
    const cargo = existsSync(join(root, 'packages/kernels-cpu/native/sdq-kernels-cpu.node'));
    if (os && !(os.includes(process.platform) && cargo)) return [];
    run(bin('pnpm'), ['pack', '--pack-destination', destination], join(root, folder));
    return [{ ...found, tarball: join(destination, found.file) }];
  });
}

/** The path of a development tool's command. */
export function bin(name) {
  return join(root, 'node_modules/.bin', name);
}

/** Runs a command to its end, and returns its output; one that fails is an error with all that it printed. */
export function run(command, args, cwd, env = {}) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...env },
    maxBuffer: 2 ** 28,
  });
  if (result.status === 0) return result.stdout;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  throw new Error(`In ${cwd}: ${command} ${args.join(' ')}\n${result.error?.message ?? said}`);
}
