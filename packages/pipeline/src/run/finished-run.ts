import { existsSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { modelHash, readConfig, readMaxLength, sha256OfFile } from '@sdq/models';
import { taskFiles } from '@sdq/xglue';
import { loadPlugins, pluginsHash, type RunConfig } from '../config/index.ts';
import {
  CONFIG_FILE,
  readJson,
  readRunConfig,
  runDifferences,
  SOURCES_FILE,
  STAGES_FILE,
} from '../run-folder/index.ts';

/** Hashes of files by their real paths, so that what many runs read is read once. */
export type KnownHashes = Map<string, Promise<string>>;

/** What decides the results of a run, without reading its texts: the SHA-256 of files, and the longest text of the model. */
export async function sourceHashes(
  config: RunConfig,
  known: KnownHashes = new Map(),
): Promise<Record<string, string>> {
  const { task, data, languages, model, teacher, plugins } = config;
  const once = (path: string, kind: string, hash: () => Promise<string>) => {
    const key = `${kind} ${realpathSync(path)}`;
    const found = known.get(key) ?? hash();
    known.set(key, found);
    return found;
  };
  const files = [
    ...taskFiles(data, task, languages).map((file) => [relative(data, file), file] as const),
    ['tokenizer', join(model, 'tokenizer.json')] as const,
  ];
  const start = teacher ?? model;
  return {
    ...Object.fromEntries(
      await Promise.all(
        files.map(async ([name, file]) => [name, await once(file, 'file', () => sha256OfFile(file))]),
      ),
    ),
    start: await once(start, 'model', () => modelHash(start)),
    maxLength: String(await readMaxLength(start, (await readConfig(start)).config)),
    ...(plugins && { plugins: pluginsHash(plugins) }),
  };
}

/**
 * Whether a run is finished: its folder has the results of this configuration, its models, and what it read is still the same.
 * Then running it again would change nothing. A false answer is no error: the run itself finds out how much is to be done.
 *
 * @param known - hashes of files that were read for another run just now
 *
 * @example
 * ```ts
 * import { isRunFinished, type RunConfig } from '@sdq/pipeline';
 *
 * const left = async (runs: RunConfig[]) => {
 *   const finished = await Promise.all(runs.map((config) => isRunFinished(config)));
 *   return runs.filter((_, i) => !finished[i]);
 * };
 * ```
 */
export async function isRunFinished(config: RunConfig, known?: KnownHashes): Promise<boolean> {
  const file = (...names: string[]) => join(config.out, ...names);
  const needed = [
    ...['results.json', CONFIG_FILE, STAGES_FILE, SOURCES_FILE].map((name) => file(name)),
    ...['teacher', 'student'].map((name) => file(name, 'model.safetensors')),
  ];
  if (!needed.every((path) => existsSync(path))) return false;
  try {
    const before = readRunConfig(file(CONFIG_FILE), await loadPlugins(config.plugins ?? []));
    if (runDifferences(before, config).length > 0) return false;
    if (!config.methods.every((method) => before.methods.includes(method))) return false;
    return isDeepStrictEqual(readJson(file(SOURCES_FILE)), await sourceHashes(config, known));
  } catch {
    // What is wrong is for the run to say.
    return false;
  }
}
