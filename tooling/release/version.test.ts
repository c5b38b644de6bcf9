import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageFolders, packageIn } from './packed.mjs';

const crate = new URL('../../packages/kernels-cpu/crate/', import.meta.url);

it.each(['Cargo.toml', 'Cargo.lock'])('%s has the version of @sdq/kernels-cpu', (name) => {
  const [, version] =
    /name = "sdq-kernels-cpu"\nversion = "(.+)"/.exec(readFileSync(new URL(name, crate), 'utf8')) ?? [];
  expect(version).toBe(packageIn('packages/kernels-cpu').manifest.version);
});

const changesets = new URL('../../.changeset/', import.meta.url);
const texts = readdirSync(changesets)
  .filter((name) => name.endsWith('.md'))
  .map((name) => readFileSync(new URL(name, changesets), 'utf8'));

/** Those of platforms get the version of @sdq/kernels-cpu (`fixed` in .changeset/config.json). */
const packages = packageFolders().map(packageIn);

it.each(packages.filter(({ manifest }) => !manifest.os))(
  '$manifest.name has been released, or a changeset gives it its first version',
  ({ manifest: { name, version } }) => {
    expect(version !== '0.0.0' || texts.some((text) => text.includes(`'${name}': minor`))).toBe(true);
  },
);
