import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type DistillationLoss,
  type LossFactory,
  PLUGIN_CONTRACT,
  type Plugin,
  SdqError,
  type WeightQuantizer,
} from '@sdq/core';
import { LOSS_NAMES } from '@sdq/distillation';
import { weightQuantizerNamed } from '@sdq/quantizers';
import { resolve } from 'import-meta-resolve';
import { z } from 'zod';

/** What plug-ins bring together, by names that are none of sdq's own. */
export interface Plugins {
  readonly quantizers: ReadonlyMap<string, WeightQuantizer>;
  readonly losses: ReadonlyMap<string, LossFactory>;
}

/** What there is without plug-ins. */
export const NO_PLUGINS: Plugins = { quantizers: new Map(), losses: new Map() };

const isFunction = z.custom<never>((value) => typeof value === 'function', 'it must be a function');
const name = z
  .string()
  .regex(/^[a-z][a-z0-9.-]*$/, 'it must have lower-case letters, digits, dots and dashes');

const quantizer = z.looseObject({
  name,
  bits: z.int().min(1).max(8),
  granularity: z.union([z.enum(['tensor', 'channel']), z.strictObject({ group: z.int().min(1) })]),
  levels: z.array(z.int().min(-127).max(127)).min(2).optional(),
  fakeQuantize: isFunction,
  quantize: isFunction,
  linear: isFunction.optional(),
});

const plugin = z.strictObject({
  contract: z.literal(PLUGIN_CONTRACT),
  name,
  quantizers: z.array(quantizer).optional(),
  losses: z.record(name, isFunction).optional(),
});

const loss = z.looseObject({
  name,
  taps: isFunction,
  obstacle: isFunction.optional(),
  compute: isFunction,
});

const RELATIVE_IMPORT = /\b(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;

// A step is reported with the parts of its loss by their names, among these.
const STEP_FIELDS = ['event', 'stage', 'step', 'loss', 'task'];

/**
 * Loads plug-ins. This runs their code: load none that you do not trust.
 *
 * @param modules - each a folder or file, as `./my-plugin`, or the name of an installed package, both as seen from the working
 * directory
 * @throws SdqError `path-not-found` for a module that is not there; `bad-plugin` for one that does not load, is no plug-in, is written
 * for another contract, or has a name that is taken
 *
 * @example
 * ```ts
 * import { loadPlugins } from '@sdq/pipeline';
 *
 * (await loadPlugins([])).quantizers.size; // 0
 * ```
 */
export async function loadPlugins(modules: readonly string[]): Promise<Plugins> {
  const quantizers = new Map<string, WeightQuantizer>();
  const losses = new Map<string, LossFactory>();
  const owners = new Map<string, string>();
  const take = (kind: string, name: string, owner: string, isOurs: boolean) => {
    const other = isOurs ? 'sdq itself' : owners.get(`${kind} ${name}`);
    owners.set(`${kind} ${name}`, `the plug-in "${owner}"`);
    if (other === undefined) return;
    throw new SdqError(
      'bad-plugin',
      `The plug-in "${owner}" has a ${kind} "${name}", as ${other} has: rename one.`,
    );
  };
  for (const module of modules) {
    const found = await loadPlugin(module);
    for (const quantizer of found.quantizers ?? []) {
      take('quantizer', quantizer.name, found.name, weightQuantizerNamed(quantizer.name) !== undefined);
      quantizers.set(quantizer.name, quantizer);
    }
    const factories = found.losses ?? {};
    for (const name of Object.keys(factories)) {
      take('loss', name, found.name, [...LOSS_NAMES, ...STEP_FIELDS].includes(name));
      // By way of their object, which they may refer to.
      losses.set(name, (options) => lossFrom(found.name, name, factories[name]!(options)));
    }
  }
  return { quantizers, losses };
}

async function loadPlugin(module: string): Promise<Plugin> {
  const wrong = (what: string, cause?: unknown) =>
    new SdqError('bad-plugin', `The plug-in ${module} ${what}.`, { cause });
  const entry = entryOf(module, wrong);
  let found: unknown;
  try {
    found = ((await import(/* @vite-ignore */ entry)) as { default?: unknown }).default;
  } catch (cause) {
    throw wrong(
      `does not load: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      cause,
    );
  }
  const contract = (found as { contract?: unknown } | null | undefined)?.contract;
  if (contract === undefined) {
    throw wrong('is no plug-in: its default export must be what definePlugin of @sdq/core returns');
  }
  if (contract !== PLUGIN_CONTRACT) {
    throw wrong(
      `is written for version ${contract} of the contract of plug-ins, and this sdq has version ${PLUGIN_CONTRACT}: install versions that fit`,
    );
  }
  const parsed = plugin.safeParse(found);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw wrong(`is wrong${path.length > 0 ? ` at ${path.join('.')}` : ''}: ${message}`);
  }
  // Not what was parsed, which is a copy: quantizers may be objects of a class.
  return found as Plugin;
}

/**
 * The SHA-256 of the code of plug-ins: their modules, and what these import by relative paths.
 *
 * @throws SdqError as {@link loadPlugins} for a module that is not there
 */
export function pluginsHash(modules: readonly string[]): string {
  const hash = createHash('sha256');
  for (const module of modules) {
    const files = new Set<string>();
    const wrong = (what: string, cause?: unknown) =>
      new SdqError('bad-plugin', `The plug-in ${module} ${what}.`, { cause });
    const follow = (file: string) => {
      if (files.has(file) || !statSync(file, { throwIfNoEntry: false })?.isFile()) return;
      files.add(file);
      const code = readFileSync(file, 'utf8');
      hash.update(JSON.stringify(code));
      for (const [, path] of code.matchAll(RELATIVE_IMPORT)) follow(join(dirname(file), path!));
    };
    follow(fileURLToPath(entryOf(module, wrong)));
  }
  return hash.digest('hex');
}

/** The URL of the module that a name stands for. */
function entryOf(module: string, wrong: (what: string, cause?: unknown) => SdqError): string {
  try {
    if (!/^(\.{0,2}[/\\]|\.{1,2}$|[A-Za-z]:[/\\])/.test(module)) {
      return resolve(module, pathToFileURL(join(process.cwd(), 'sdq')).href);
    }
    const path = resolvePath(module);
    const manifest = join(path, 'package.json');
    if (!statSync(path).isDirectory()) return pathToFileURL(path).href;
    const { name, exports } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {};
    // A package may refer to itself by its name: then "exports" says what that is.
    if (exports !== undefined) return resolve(name, pathToFileURL(manifest).href);
    return pathToFileURL(createRequire(manifest).resolve(path)).href;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (['ENOENT', 'MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(code ?? '')) {
      throw new SdqError(
        'path-not-found',
        `There is no plug-in ${module}: give a folder or file, as ./my-plugin, or an installed package.`,
        { cause },
      );
    }
    throw wrong(`cannot be found: ${(cause as Error).message}`, cause);
  }
}

/** What a plug-in made, if it is a loss of that name. */
function lossFrom(owner: string, name: string, made: unknown): DistillationLoss {
  const parsed = loss.safeParse(made);
  if (parsed.success && parsed.data.name === name) return made as DistillationLoss;
  const { path, message } = parsed.error?.issues[0] ?? { path: ['name'], message: `it must be "${name}"` };
  throw new SdqError(
    'bad-plugin',
    `The plug-in "${owner}" makes an invalid loss "${name}", at ${path.join('.') || 'its root'}: ${message}.`,
  );
}
