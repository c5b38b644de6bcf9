import { type AffineGrid, SdqError, type Site } from '@sdq/core';
import { z } from 'zod';

const METHOD = 'compressed-tensors';
const INTEGERS = 'int-quantized';
const PACKED = 'pack-quantized';
/** Packed as `pack-quantized`, but a bit of 0 means -1: that format has no symmetric integers of 1 bit. */
const SIGNS = 'sdq-sign-quantized';
/** Integers of 8 bits that are entries of a codebook, which that library does not know. */
const CODEBOOK = 'sdq-codebook-quantized';
const MIXED = 'mixed-precision';
const MAX_GROUPS = 1024;
const MAX_TARGETS = 65_536;

/** How a site is quantized. */
export interface QuantizedSite {
  readonly weightBits: number;
  /** How many neighbouring columns share a scale; undefined: the whole row. */
  readonly groupSize: number | undefined;
  /** Whether the integers are entries of a codebook. */
  readonly codebook: boolean;
  readonly activationBits: number | undefined;
  /** Whether the input gets a grid a token when the model runs, not one from the file. */
  readonly perToken: boolean;
}

/** How each quantized site is stored, by its name in the files. */
export type QuantizedSites = Map<Site, QuantizedSite>;

/**
 * `quantization_config` of config.json, as the compressed-tensors library (Neural Magic, 2024) defines it: sites that
 * are quantized alike make a group, with their full names as its targets.
 */
export function quantizationConfig(sites: QuantizedSites): Record<string, unknown> {
  const groups = new Map<string, { kind: QuantizedSite; targets: Site[] }>();
  for (const [site, kind] of sites) {
    const key = JSON.stringify(Object.values(kind));
    const group = groups.get(key) ?? { kind, targets: [] };
    group.targets.push(site);
    groups.set(key, group);
  }
  const formats = new Set([...groups.values()].map(({ kind }) => formatOf(kind)));
  const [format] = formats;
  return {
    quant_method: METHOD,
    format: formats.size > 1 ? MIXED : (format ?? INTEGERS),
    quantization_status: 'compressed',
    config_groups: Object.fromEntries(
      [...groups.values()].map(({ kind, targets }, index) => [
        `group_${index}`,
        {
          targets,
          // Without it the library would guess another format for weights whose input stays float.
          format: formatOf(kind),
          weights: {
            num_bits: kind.weightBits,
            type: 'int',
            symmetric: true,
            ...(kind.groupSize === undefined
              ? { strategy: 'channel' }
              : { strategy: 'group', group_size: kind.groupSize }),
            dynamic: false,
          },
          input_activations:
            kind.activationBits === undefined
              ? null
              : {
                  num_bits: kind.activationBits,
                  type: 'int',
                  symmetric: kind.perToken,
                  strategy: kind.perToken ? 'token' : 'tensor',
                  dynamic: kind.perToken,
                },
          output_activations: null,
        },
      ]),
    ),
    ignore: [],
  };
}

function formatOf({ weightBits, codebook }: QuantizedSite): string {
  if (codebook) return CODEBOOK;
  return weightBits === 8 ? INTEGERS : weightBits === 1 ? SIGNS : PACKED;
}

const format = z.enum([INTEGERS, PACKED, SIGNS, CODEBOOK, MIXED]);
const inputSchema = z.union([
  z.object({
    num_bits: z.int().min(2).max(8),
    type: z.literal('int'),
    symmetric: z.literal(false),
    strategy: z.literal('tensor'),
    dynamic: z.literal(false),
  }),
  z.object({
    num_bits: z.int().min(2).max(8),
    type: z.literal('int'),
    symmetric: z.literal(true),
    strategy: z.literal('token'),
    dynamic: z.literal(true),
  }),
]);
const configSchema = z.object({
  quant_method: z.literal(METHOD),
  format,
  config_groups: z.record(
    z.string(),
    z.object({
      targets: z.array(z.string()).max(MAX_TARGETS),
      format: format.nullish(),
      weights: z.object({
        num_bits: z.int().min(1).max(8),
        type: z.literal('int'),
        symmetric: z.literal(true),
        strategy: z.enum(['channel', 'group']),
        group_size: z.int().min(1).nullish(),
      }),
      input_activations: inputSchema.nullish(),
    }),
  ),
});

/**
 * The sites that a `quantization_config` names.
 *
 * @param source - the file's name, for errors
 * @throws SdqError 'bad-checkpoint' when it is of another kind than {@link quantizationConfig} writes
 */
export function readQuantization(json: unknown, source: string): QuantizedSites {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) throw unusable(source, parsed.error.issues[0]?.path ?? []);
  const groups = Object.entries(parsed.data.config_groups);
  if (groups.length > MAX_GROUPS) {
    throw new SdqError(
      'bad-checkpoint',
      `${source}: quantization_config has ${groups.length} groups, too many.`,
    );
  }
  const sites: QuantizedSites = new Map();
  for (const [name, { targets, weights, input_activations: input, format }] of groups) {
    // A 1-bit weight in the library's own format is not symmetric, whatever the file says.
    if (weights.num_bits === 1 && (format ?? parsed.data.format) !== SIGNS) {
      throw unusable(source, ['config_groups', name, 'format']);
    }
    if (weights.strategy === 'group' && weights.group_size == null) {
      throw unusable(source, ['config_groups', name, 'weights', 'group_size']);
    }
    const codebook = (format ?? parsed.data.format) === CODEBOOK;
    if (codebook && (weights.num_bits !== 8 || weights.strategy === 'group')) {
      throw unusable(source, ['config_groups', name, 'weights']);
    }
    for (const site of targets) {
      sites.set(site, {
        weightBits: weights.num_bits,
        groupSize: weights.strategy === 'group' ? weights.group_size! : undefined,
        codebook,
        activationBits: input?.num_bits,
        perToken: input?.dynamic ?? false,
      });
    }
  }
  return sites;
}

function unusable(source: string, path: readonly PropertyKey[]): SdqError {
  const field = ['quantization_config', ...path].join('.');
  return new SdqError(
    'bad-checkpoint',
    `${source}: ${field} is not what can be loaded: symmetric integers in the ${METHOD} layout.`,
  );
}

/**
 * The bits of a grid of unsigned integers; one that holds nothing but zero counts as 8.
 *
 * @throws SdqError 'bad-value' when the grid is no unsigned one
 */
export function activationBitsOf(site: Site, { qMin, qMax, scale, zeroPoint }: AffineGrid): number {
  const count = qMax === 0 ? 8 : Math.log2(qMax + 1);
  const whole = Number.isInteger(count) && count <= 8 && Number.isInteger(zeroPoint);
  if (qMin !== 0 || !whole || zeroPoint < 0 || zeroPoint > qMax || !(scale > 0)) {
    throw new SdqError(
      'bad-value',
      `The grid of "${site}" is not one of unsigned integers of at most 8 bits.`,
    );
  }
  return count;
}
