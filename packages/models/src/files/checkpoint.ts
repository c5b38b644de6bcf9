import { access, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, SdqError } from '@sdq/core';
import {
  configFile,
  type EncoderConfig,
  encoderShapes,
  familyOf,
  type Head,
  initialHead,
  isInHead,
  parseConfig,
  wantedShapes,
} from '../families/index.ts';
import type { HostTensor } from '../host-tensor.ts';
import { temporaryPath, writeFileAtomically } from './atomic-file.ts';
import { readBoundedJson } from './bounded-file.ts';
import { E5_FILE, loadE5Checkpoint, readE5Config } from './e5-checkpoint.ts';
import { writeSafetensors } from './safetensors.ts';
import { WeightFiles } from './weight-files.ts';

export const CONFIG_FILE = 'config.json';
export const TOKENIZER_FILE = 'tokenizer.json';
export const WEIGHTS_FILE = 'model.safetensors';
// The longest config.json published carries some thousand labels, 100 kB.
const MAX_CONFIG_BYTES = 4 * 2 ** 20;

/** A model in memory: its encoder, and a head if it has one. */
export interface Checkpoint {
  readonly config: EncoderConfig;
  readonly head: Head | undefined;
  /** By parameter name, without the family's prefix (`encoder.layer.0.output.dense.weight`, `classifier.bias`). */
  readonly tensors: Map<string, HostTensor>;
  readonly format: 'safetensors' | 'e5-q4';
}

/**
 * Loads a model from a folder: in Hugging Face layout (config.json with model.safetensors or its shards; F32, F16 or
 * BF16), or with the 4-bit file of multilingual-e5-small.
 *
 * Tensors that the model does not use (a language-model head, position ids) are not read. A BERT's pooler is read
 * where the checkpoint has one, for a head to build on.
 *
 * @throws SdqError 'path-not-found', 'bad-checkpoint', 'missing-tensor' (names it) or 'bad-shape' (names the tensor,
 * what was expected and found)
 *
 * @example
 * ```ts
 * import { loadCheckpoint } from '@sdq/models';
 *
 * const layers = async (folder: string) => (await loadCheckpoint(folder)).config.layers;
 * ```
 */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  await requireFolder(folder);
  const e5 = join(folder, E5_FILE);
  if (await isE5Folder(folder)) return { ...(await loadE5Checkpoint(e5)), head: undefined, format: 'e5-q4' };
  const { config, head, quantization } = await readConfigFile(folder);
  if (quantization != null) {
    throw new SdqError(
      'bad-checkpoint',
      `${folder} holds a quantized model: load it with loadQuantizedModel.`,
    );
  }
  const files = await WeightFiles.open(folder);
  try {
    const stored = storedNames(config, files.names());
    const tensors = new Map<string, HostTensor>();
    for (const [name, shape] of wantedShapes(config, head, stored)) {
      tensors.set(name, await readParameter(files, stored, name, shape));
    }
    return { config, head, tensors, format: 'safetensors' };
  } finally {
    await files.close();
  }
}

/**
 * The same encoder under another head: parameters of its own head are kept when the head is the same, and a
 * BERT's pooler in any case; all others are drawn by {@link initialHead}.
 *
 * @example
 * ```ts
 * import { Random } from '@sdq/core';
 * import { loadCheckpoint, withHead } from '@sdq/models';
 *
 * const start = async (folder: string) =>
 *   withHead(await loadCheckpoint(folder), { kind: 'sequence-classification', labels: ['no', 'yes'] }, new Random(0));
 * ```
 */
export function withHead(
  checkpoint: Checkpoint,
  head: Head,
  random: Random,
): Checkpoint & { readonly head: Head } {
  const { config, tensors: own } = checkpoint;
  const same = JSON.stringify(checkpoint.head) === JSON.stringify({ kind: head.kind, labels: head.labels });
  const shared = familyOf(config.family).optionalParameters(config);
  const tensors = new Map<string, HostTensor>();
  for (const name of encoderShapes(config).keys()) tensors.set(name, own.get(name)!);
  for (const [name, drawn] of initialHead(config, head, random)) {
    const kept = same || shared.has(name) ? own.get(name) : undefined;
    tensors.set(name, kept ?? drawn);
  }
  return { ...checkpoint, head, tensors };
}

/**
 * Saves a model in Hugging Face layout, in float32: config.json, tokenizer.json and model.safetensors, each
 * written atomically, the weights last.
 *
 * @param tokenizerFrom - the folder whose tokenizer.json goes along
 * @throws SdqError 'missing-tensor' or 'bad-shape' when the tensors do not fit the config, 'io-failed' when a file
 * could not be written
 *
 * @example
 * ```ts
 * import { type Checkpoint, saveModel } from '@sdq/models';
 *
 * const save = (folder: string, model: Checkpoint, base: string) =>
 *   saveModel(folder, { ...model, tokenizerFrom: base });
 * ```
 */
export async function saveModel(
  folder: string,
  model: {
    readonly config: EncoderConfig;
    readonly head: Head | undefined;
    readonly tensors: ReadonlyMap<string, HostTensor>;
    readonly tokenizerFrom: string | undefined;
  },
): Promise<void> {
  const { config, head, tensors } = model;
  const prefix = head === undefined ? '' : familyOf(config.family).prefix;
  const out = new Map<string, HostTensor>();
  for (const [name, shape] of wantedShapes(config, head, tensors)) {
    const tensor = tensors.get(name);
    if (tensor === undefined)
      throw new SdqError('missing-tensor', `The model to save has no parameter "${name}".`);
    checkShape('The model to save', name, shape, tensor.shape);
    out.set(isInHead(name) ? name : prefix + name, tensor);
  }
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(
    join(folder, CONFIG_FILE),
    `${JSON.stringify(configFile(config, head), null, 2)}\n`,
  );
  if (model.tokenizerFrom !== undefined) await copyTokenizer(model.tokenizerFrom, folder);
  await writeSafetensors(join(folder, WEIGHTS_FILE), out, { format: 'pt' });
}

/** The name in the files of each parameter, by its name without the family's prefix. */
export function storedNames(config: EncoderConfig, names: Iterable<string>): ReadonlyMap<string, string> {
  const { prefix } = familyOf(config.family);
  const stored = new Map<string, string>();
  for (const name of names) stored.set(name.startsWith(prefix) ? name.slice(prefix.length) : name, name);
  return stored;
}

/** Reads one parameter as float32, after a check of its shape. */
export async function readParameter(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: readonly number[],
): Promise<HostTensor> {
  const file = stored.get(name);
  const entry = file === undefined ? undefined : files.entry(file);
  if (file === undefined || entry === undefined) {
    throw new SdqError('missing-tensor', `${files.source} has no tensor "${name}".`);
  }
  checkShape(files.source, name, shape, entry.shape);
  return { shape, data: await files.readFloats(file) };
}

export function checkShape(
  source: string,
  name: string,
  expected: readonly number[],
  found: readonly number[],
): void {
  if (expected.length === found.length && expected.every((length, axis) => length === found[axis])) return;
  throw new SdqError(
    'bad-shape',
    `${source}: tensor "${name}" has the shape [${found.join(', ')}], expected [${expected.join(', ')}].`,
  );
}

/**
 * What a model's folder says about its encoder and head, without its weights.
 *
 * @throws SdqError 'path-not-found' or 'bad-checkpoint'
 *
 * @example
 * ```ts
 * import { readConfig } from '@sdq/models';
 *
 * const heads = async (folder: string) => (await readConfig(folder)).config.heads;
 * ```
 */
export async function readConfig(folder: string): Promise<Pick<Checkpoint, 'config' | 'head'>> {
  await requireFolder(folder);
  if (!(await isE5Folder(folder))) return readConfigFile(folder);
  return { config: await readE5Config(join(folder, E5_FILE)), head: undefined };
}

/** Reads and checks a folder's config.json. */
export async function readConfigFile(folder: string): Promise<ReturnType<typeof parseConfig>> {
  const path = join(folder, CONFIG_FILE);
  return parseConfig(await readBoundedJson(path, MAX_CONFIG_BYTES), path);
}

/** Copies tokenizer.json from one folder to another, under a temporary name first. */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  const source = join(from, TOKENIZER_FILE);
  const target = join(to, TOKENIZER_FILE);
  const temporary = temporaryPath(target);
  try {
    await copyFile(source, temporary);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new SdqError('io-failed', `Could not copy ${source} to ${target}.`, { cause: error });
  }
}

export async function requireFolder(folder: string): Promise<void> {
  const status = await stat(folder).catch(() => undefined);
  if (!status?.isDirectory()) {
    throw new SdqError(
      'path-not-found',
      `No folder ${folder}: give the folder of a model (config.json, ...).`,
    );
  }
}

/** Whether a folder holds the 4-bit file of multilingual-e5-small. */
export async function isE5Folder(folder: string): Promise<boolean> {
  return access(join(folder, E5_FILE)).then(
    () => true,
    () => false,
  );
}
