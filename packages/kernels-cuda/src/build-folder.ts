import { readFileSync, statSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Build, TENSORFLOW_VERSION, wheelsOf } from './wheels.ts';

export const BINDING_FILE = 'tfjs_binding.node';
const RECORD_FILE = 'setup.json';

const filesSchema = z.record(z.string(), z.int());
const recordSchema = z.object({
  /** By the sha256 of each wheel that is unpacked: its files and their bytes. */
  wheels: z.record(z.string(), filesSchema),
  /** The compiled binding, once it was seen to load. */
  binding: filesSchema.optional(),
});

/** What setup has finished in a folder; written anew after each part, so that an interrupted setup goes on from there. */
export type SetupRecord = z.infer<typeof recordSchema>;

/** The folder that holds all builds: `$XDG_CACHE_HOME/sdq/tensorflow`, or `~/.cache/sdq/tensorflow`. */
export function buildsFolder(
  cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sdq'),
): string {
  return join(cacheDir, 'tensorflow');
}

export function buildFolder(build: Build, cacheDir?: string): string {
  return join(buildsFolder(cacheDir), `${TENSORFLOW_VERSION}-${build}`);
}

/** The record of a folder without the parts whose files are gone; nothing is finished when it cannot be read. */
export function readRecord(folder: string): SetupRecord {
  const isThere = (files: Record<string, number>) =>
    Object.entries(files).every(([path, bytes]) => {
      return statSync(join(folder, path), { throwIfNoEntry: false })?.size === bytes;
    });
  try {
    const { wheels, binding } = recordSchema.parse(
      JSON.parse(readFileSync(join(folder, RECORD_FILE), 'utf8')),
    );
    return {
      wheels: Object.fromEntries(Object.entries(wheels).filter(([, files]) => isThere(files))),
      ...(binding && isThere(binding) && { binding }),
    };
  } catch {
    return { wheels: {} };
  }
}

export async function writeRecord(folder: string, record: SetupRecord): Promise<void> {
  const path = join(folder, RECORD_FILE);
  await writeFile(`${path}.part`, JSON.stringify(record, null, 2), { flush: true });
  await rename(`${path}.part`, path);
}

/** The build that is set up, whole: `cuda` rather than `cpu` if both are. */
export function findBuild(cacheDir?: string): { build: Build; folder: string } | undefined {
  return (['cuda', 'cpu'] as const)
    .map((build) => ({ build, folder: buildFolder(build, cacheDir) }))
    .find(({ build, folder }) => {
      const { wheels, binding } = readRecord(folder);
      return binding !== undefined && wheelsOf[build].every(({ sha256 }) => sha256 in wheels);
    });
}
