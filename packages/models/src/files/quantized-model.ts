import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AffineGrid,
  joinBlocks,
  packIntegers,
  type QuantizedRows,
  SdqError,
  type Site,
  unpackIntegers,
  wordsPerRow,
} from '@sdq/core';
import {
  configFile,
  type EncoderConfig,
  familyOf,
  type Head,
  isInHead,
  wantedShapes,
} from '../families/index.ts';
import type { HostTensor } from '../host-tensor.ts';
import { writeFileAtomically } from './atomic-file.ts';
import {
  CONFIG_FILE,
  checkShape,
  copyTokenizer,
  isE5Folder,
  readConfigFile,
  readParameter,
  requireFolder,
  storedNames,
  WEIGHTS_FILE,
} from './checkpoint.ts';
import {
  activationBitsOf,
  type QuantizedSite,
  type QuantizedSites,
  quantizationConfig,
  readQuantization,
} from './quantization-config.ts';
import { type SafetensorsValue, writeSafetensors } from './safetensors.ts';
import { WeightFiles } from './weight-files.ts';

/**
 * The scale stored for a grid that holds nothing but zero (qMax 0): so small, the least normal float, that
 * whatever such a grid rounds to is zero to any reader.
 */
const ZERO_GRID_SCALE = 2 ** -126;

const ZERO_GRID: AffineGrid = { scale: 1, zeroPoint: 0, qMin: 0, qMax: 0 };

/** A finished model with integer weights. */
export interface QuantizedModel {
  readonly config: EncoderConfig;
  readonly head: Head;
  /** Weights as integers, by parameter name (`encoder.layer.0.output.dense.weight`). */
  readonly weights: ReadonlyMap<string, QuantizedRows>;
  /** The grids of linear layers' inputs, by site. */
  readonly grids: ReadonlyMap<Site, AffineGrid>;
  /** The bits of linear layers' inputs that get a symmetric grid a token when the model runs, by site. */
  readonly perToken?: ReadonlyMap<Site, number>;
  /** All other parameters, by name. */
  readonly floats: ReadonlyMap<string, HostTensor>;
}

/**
 * Saves a quantized model in the compressed-tensors layout, which the Hugging Face library reads: config.json with
 * `quantization_config`, tokenizer.json, and model.safetensors with, for each quantized site, `weight_scale` and, where
 * its input has a grid, `input_scale` and `input_zero_point`. Weights of 8 bits are int8 in `weight` (the layout's
 * format `int-quantized`); those of fewer are packed into int32 words in `weight_packed`, beside `weight_shape` (format
 * `pack-quantized`). The layout has no symmetric integers of 1 bit: those are packed alike, under a format name of our
 * own, so that the library refuses the file and does not misread it.
 *
 * The layout's activations are signed, ours unsigned: q - 2^(bits-1) is stored, which is the same grid.
 *
 * @throws SdqError 'missing-tensor', 'bad-shape', or 'bad-value' when the layout cannot store a grid; 'io-failed'
 *
 * @example
 * ```ts
 * import { type QuantizedModel, saveQuantizedModel } from '@sdq/models';
 *
 * const save = (folder: string, student: QuantizedModel, base: string) =>
 *   saveQuantizedModel(folder, student, { tokenizerFrom: base });
 * ```
 */
export async function saveQuantizedModel(
  folder: string,
  model: QuantizedModel,
  options: { readonly tokenizerFrom?: string | undefined } = {},
): Promise<void> {
  const { config, head, weights, grids, floats, perToken } = model;
  const stored = (name: string) => (isInHead(name) ? name : familyOf(config.family).prefix + name);
  const values = new Map<string, SafetensorsValue>();
  const sites: QuantizedSites = new Map();
  const available = { has: (name: string) => weights.has(name) || floats.has(name) };
  for (const [name, shape] of wantedShapes(config, head, available)) {
    const rows = weights.get(name);
    const tensor = rows ?? floats.get(name);
    if (tensor === undefined)
      throw new SdqError('missing-tensor', `The model to save has no parameter "${name}".`);
    checkShape('The model to save', name, shape, tensor.shape);
    if (rows === undefined) {
      values.set(stored(name), floats.get(name)!);
      continue;
    }
    const site = siteOf(name);
    const grid = grids.get(site);
    for (const [field, value] of weightTensors(rows)) values.set(stored(`${site}.${field}`), value);
    if (grid !== undefined) {
      const { scale, zeroPoint } = storeGrid(site, grid);
      values.set(stored(`${site}.input_scale`), { shape: [1], data: Float32Array.of(scale) });
      values.set(stored(`${site}.input_zero_point`), { shape: [1], data: Int8Array.of(zeroPoint) });
    }
    const tokenBits = perToken?.get(site);
    sites.set(stored(site), {
      weightBits: rows.bits,
      groupSize: rows.groupSize,
      codebook: rows.codebook !== undefined,
      activationBits: tokenBits ?? (grid && activationBitsOf(site, grid)),
      perToken: tokenBits !== undefined,
    });
  }
  for (const site of [...grids.keys(), ...(perToken?.keys() ?? [])]) {
    if (!sites.has(stored(site))) {
      throw new SdqError('bad-value', `The grid of "${site}" has no quantized weight to stand beside.`);
    }
  }
  const json = { ...configFile(config, head), quantization_config: quantizationConfig(sites) };
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(join(folder, CONFIG_FILE), `${JSON.stringify(json, null, 2)}\n`);
  if (options.tokenizerFrom !== undefined) await copyTokenizer(options.tokenizerFrom, folder);
  await writeSafetensors(join(folder, WEIGHTS_FILE), values, { format: 'pt' });
}

/**
 * Loads what {@link saveQuantizedModel} saved.
 *
 * @throws SdqError as `loadCheckpoint`; 'bad-checkpoint' when the quantization is of another kind, or an integer or
 * scale is out of its range
 *
 * @example
 * ```ts
 * import { loadQuantizedModel } from '@sdq/models';
 *
 * const sites = async (folder: string) => [...(await loadQuantizedModel(folder)).grids.keys()];
 * ```
 */
export async function loadQuantizedModel(folder: string): Promise<QuantizedModel> {
  await requireFolder(folder);
  const { config, head, quantization } = await readConfigFile(folder);
  const source = join(folder, CONFIG_FILE);
  if (head === undefined)
    throw new SdqError('bad-checkpoint', `${source}: the model has no head that is known.`);
  const quantized = readQuantization(quantization, source);
  const files = await WeightFiles.open(folder);
  try {
    const stored = storedNames(config, files.names());
    const weights = new Map<string, QuantizedRows>();
    const grids = new Map<Site, AffineGrid>();
    const perToken = new Map<Site, number>();
    const floats = new Map<string, HostTensor>();
    for (const [name, shape] of wantedShapes(config, head, stored)) {
      const site = siteOf(name);
      const file =
        stored.get(name) ?? stored.get(`${site}.weight_packed`) ?? stored.get(`${site}.weight_codes`);
      const bits = file === undefined ? undefined : quantized.get(siteOf(file));
      if (bits === undefined || !name.endsWith('.weight')) {
        floats.set(name, await readParameter(files, stored, name, shape));
        continue;
      }
      const read = bits.codebook ? readCodebook : readRows;
      weights.set(name, await read(files, stored, name, shape, bits));
      if (bits.perToken) perToken.set(site, bits.activationBits!);
      else if (bits.activationBits !== undefined) {
        grids.set(site, await readGrid(files, stored, site, bits.activationBits));
      }
    }
    const model = { config, head, weights, grids, floats };
    return perToken.size === 0 ? model : { ...model, perToken };
  } finally {
    await files.close();
  }
}

/**
 * Whether a folder holds a quantized model, by its config.json.
 *
 * @throws SdqError 'path-not-found' or 'bad-checkpoint'
 *
 * @example
 * ```ts
 * import { isQuantizedModel, loadCheckpoint, loadQuantizedModel } from '@sdq/models';
 *
 * const load = async (folder: string) =>
 *   (await isQuantizedModel(folder)) ? loadQuantizedModel(folder) : loadCheckpoint(folder);
 * ```
 */
export async function isQuantizedModel(folder: string): Promise<boolean> {
  await requireFolder(folder);
  if (await isE5Folder(folder)) return false;
  return (await readConfigFile(folder)).quantization != null;
}

/** The site of a parameter: its name without `.weight`, `.bias`, .... */
function siteOf(name: string): Site {
  return name.slice(0, name.lastIndexOf('.'));
}

function storeGrid(site: Site, grid: AffineGrid): { scale: number; zeroPoint: number } {
  const half = 2 ** (activationBitsOf(site, grid) - 1);
  if (grid.qMax === 0) return { scale: ZERO_GRID_SCALE, zeroPoint: -half };
  return { scale: grid.scale, zeroPoint: grid.zeroPoint - half };
}

async function readGrid(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  site: Site,
  bits: number,
): Promise<AffineGrid> {
  const scale = (await readParameter(files, stored, `${site}.input_scale`, [1])).data[0]!;
  const signed = (await readIntegers(files, stored, `${site}.input_zero_point`, [1]))[0]!;
  const zeroPoint = signed + 2 ** (bits - 1);
  const qMax = 2 ** bits - 1;
  if (!(scale > 0 && Number.isFinite(scale)) || zeroPoint < 0 || zeroPoint > qMax) {
    throw new SdqError('bad-checkpoint', `${files.source}: the input grid of "${site}" is not usable.`);
  }
  return scale === ZERO_GRID_SCALE ? ZERO_GRID : { scale, zeroPoint, qMin: 0, qMax };
}

/** What stands for a weight in the file, by the ends of its tensors' names. */
function weightTensors(rows: QuantizedRows): [field: string, value: SafetensorsValue][] {
  const { bits, shape, values, scales, groupSize, codebook } = rows;
  if (codebook) {
    const { blockSize, entries, codes } = codebook;
    return [
      ['weight_codes', { shape: [shape[0], shape[1] / blockSize], data: codes }],
      ['weight_codebook', { shape: [entries.length / blockSize, blockSize], data: entries }],
      ['weight_scale', { shape: [1, 1], data: scales.subarray(0, 1) }],
    ];
  }
  const scale = { shape: [shape[0], groupSize === undefined ? 1 : shape[1] / groupSize], data: scales };
  if (bits === 8) {
    return [
      ['weight', { shape, data: values }],
      ['weight_scale', scale],
    ];
  }
  const packed = packIntegers(values, shape, bits);
  return [
    ['weight_packed', { shape: [shape[0], wordsPerRow(shape[1], bits)], data: packed }],
    ['weight_scale', scale],
    ['weight_shape', { shape: [2], data: BigInt64Array.of(BigInt(shape[0]), BigInt(shape[1])) }],
  ];
}

async function readRows(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: readonly number[],
  { weightBits: bits, groupSize }: QuantizedSite,
): Promise<QuantizedRows> {
  const [rows = 0, columns = 0] = shape;
  if (groupSize !== undefined && columns % groupSize !== 0) {
    throw new SdqError(
      'bad-checkpoint',
      `${files.source}: groups of ${groupSize} do not divide the ${columns} columns of "${name}".`,
    );
  }
  const groups = groupSize === undefined ? 1 : columns / groupSize;
  const values = await readWeight(files, stored, name, [rows, columns], bits);
  const scales = (await readParameter(files, stored, `${siteOf(name)}.weight_scale`, [rows, groups])).data;
  const limit = Math.max(1, 2 ** (bits - 1) - 1);
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) largest = magnitude;
  }
  if (largest > limit) {
    throw new SdqError(
      'bad-checkpoint',
      `${files.source}: "${name}" holds ${largest}, more than ${bits} bits can.`,
    );
  }
  // At 1 bit there is no integer for zero: a group of zeros has the scale 0.
  const usable = (scale: number) => (scale > 0 || (bits === 1 && scale === 0)) && Number.isFinite(scale);
  if (!scales.every(usable)) {
    throw new SdqError('bad-checkpoint', `${files.source}: "${name}" has a scale that is not above zero.`);
  }
  const found = { bits, shape: [rows, columns] as const, values, scales };
  return groupSize === undefined ? found : { ...found, groupSize };
}

/** A weight of 8 bits whose blocks are entries of a codebook, with one scale for all. */
async function readCodebook(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: readonly number[],
): Promise<QuantizedRows> {
  const [rows = 0, columns = 0] = shape;
  const [codesName, bookName] = ['weight_codes', 'weight_codebook'].map((end) => `${siteOf(name)}.${end}`);
  const [codesEntry, bookEntry] = [codesName!, bookName!].map((wanted) => {
    const file = stored.get(wanted);
    const entry = file === undefined ? undefined : files.entry(file);
    if (entry) return { file: file!, shape: entry.shape };
    throw new SdqError('missing-tensor', `${files.source} has no tensor "${wanted}".`);
  });
  const [count = 0, blockSize = 0] = bookEntry!.shape;
  if (
    bookEntry!.shape.length !== 2 ||
    count < 1 ||
    count > 256 ||
    blockSize < 1 ||
    columns % blockSize !== 0
  ) {
    throw new SdqError(
      'bad-checkpoint',
      `${files.source}: "${bookName}" [${bookEntry!.shape}] is no codebook for ${columns} columns.`,
    );
  }
  checkShape(files.source, codesName!, [rows, columns / blockSize], codesEntry!.shape);
  const scale = (await readParameter(files, stored, `${siteOf(name)}.weight_scale`, [1, 1])).data[0]!;
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new SdqError('bad-checkpoint', `${files.source}: "${name}" has a scale that is not above zero.`);
  }
  const entries = await files.readInt8(bookEntry!.file);
  if (entries.includes(-128)) {
    throw new SdqError('bad-checkpoint', `${files.source}: "${bookName}" holds -128, more than 8 bits can.`);
  }
  const codes = await files.readUint8(codesEntry!.file);
  const wrong = codes.find((code) => code >= count);
  if (wrong !== undefined) {
    throw new SdqError(
      'bad-checkpoint',
      `${files.source}: "${codesName}" names the entry ${wrong} of ${count} in its codebook.`,
    );
  }
  const values = joinBlocks(entries, codes, blockSize);
  const scales = new Float32Array(rows).fill(scale);
  return { bits: 8, shape: [rows, columns], values, scales, codebook: { blockSize, entries, codes } };
}

async function readWeight(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: readonly [rows: number, columns: number],
  bits: number,
): Promise<Int8Array> {
  const packedName = `${siteOf(name)}.weight_packed`;
  const file = stored.get(packedName);
  if (file === undefined) return readIntegers(files, stored, name, shape);
  checkShape(files.source, packedName, [shape[0], wordsPerRow(shape[1], bits)], files.entry(file)!.shape);
  return unpackIntegers(await files.readInt32(file), shape, bits);
}

async function readIntegers(
  files: WeightFiles,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: readonly number[],
): Promise<Int8Array> {
  const file = stored.get(name);
  const entry = file === undefined ? undefined : files.entry(file);
  if (file === undefined || entry === undefined) {
    throw new SdqError('missing-tensor', `${files.source} has no tensor "${name}".`);
  }
  checkShape(files.source, name, shape, entry.shape);
  return files.readInt8(file);
}
