import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageIn } from './packed.mjs';

const crate = new URL('../../packages/kernels-cpu/crate/', import.meta.url);

it.each(['Cargo.toml', 'Cargo.lock'])('%s has the version of @sdq/kernels-cpu', (name) => {
  const [, version] =
    /name = "sdq-kernels-cpu"\nversion = "(.+)"/.exec(readFileSync(new URL(name, crate), 'utf8')) ?? [];
  expect(version).toBe(packageIn('packages/kernels-cpu').manifest.version);
});
