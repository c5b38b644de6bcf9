import { readFileSync, statSync } from 'node:fs';
import { SdqError } from '@sdq/core';

/** Far more than any configuration has. */
const MAX_BYTES = 2 ** 20;

/** The options of a run in a JSON file; which options there are is checked where they are resolved. */
export type ConfigFile = Readonly<Record<string, unknown>>;

/**
 * Reads a configuration file.
 *
 * @throws SdqError `path-not-found`; `bad-option` when it is no JSON object
 */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    if (statSync(path).size > MAX_BYTES) {
      throw new SdqError('bad-option', `${path} is longer than any configuration.`);
    }
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof SdqError) throw cause;
    throw new SdqError('path-not-found', `There is no configuration file ${path}.`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SdqError('bad-option', `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if (!isGroup(json)) throw new SdqError('bad-option', `${path} must hold one JSON object of options.`);
  return json;
}

/**
 * The modules of plug-ins that options name.
 *
 * @throws SdqError `bad-option` when that is no list of names
 */
export function pluginsIn({ plugins = [] }: ConfigFile): string[] {
  if (Array.isArray(plugins) && plugins.every((module) => typeof module === 'string')) return plugins;
  throw new SdqError(
    'bad-option',
    'The option plugins must be a list of folders, files or installed packages.',
  );
}

/** The options of a file, and those of flags in their place, also within groups such as `quantized`. */
export function withFlags(file: ConfigFile, flags: ConfigFile): ConfigFile {
  const merged: Record<string, unknown> = { ...file };
  for (const [key, value] of Object.entries(flags)) {
    const before = merged[key];
    merged[key] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function isGroup(value: unknown): value is ConfigFile {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
