import { type AffineGrid, SdqError, type Site } from '@sdq/core';
import { z } from 'zod';

const METHOD = 'compressed-tensors';
const FORMAT = 'int-quantized';
const MAX_GROUPS = 1024;
const MAX_TARGETS = 65_536;

/** The bits of each quantized site, by its name in the files. */
export type QuantizedSites = Map<
  Site,
  { readonly weightBits: number; readonly activationBits: number | undefined }
>;

/**
 * `quantization_config` of config.json, as the compressed-tensors library (Neural Magic, 2024) defines it: sites of
 * the same bits make a group, with their full names as its targets.
 */
export function quantizationConfig(sites: QuantizedSites): Record<string, unknown> {
  const groups = new Map<
    string,
    { weightBits: number; activationBits: number | undefined; targets: Site[] }
  >();
  for (const [site, { weightBits, activationBits }] of sites) {
    const key = `${weightBits} ${activationBits}`;
    const group = groups.get(key) ?? { weightBits, activationBits, targets: [] };
    group.targets.push(site);
    groups.set(key, group);
  }
  return {
    quant_method: METHOD,
    format: FORMAT,
    quantization_status: 'compressed',
    config_groups: Object.fromEntries(
      [...groups.values()].map(({ weightBits, activationBits, targets }, index) => [
        `group_${index}`,
        {
          targets,
          // Without it the library would guess another format for weights whose input stays float.
          format: FORMAT,
          weights: {
            num_bits: weightBits,
            type: 'int',
            symmetric: true,
            strategy: 'channel',
            dynamic: false,
          },
          input_activations:
            activationBits === undefined
              ? null
              : {
                  num_bits: activationBits,
                  type: 'int',
                  symmetric: false,
                  strategy: 'tensor',
                  dynamic: false,
                },
          output_activations: null,
        },
      ]),
    ),
    ignore: [],
  };
}

const bits = z.int().min(2).max(8);
const configSchema = z.object({
  quant_method: z.literal(METHOD),
  format: z.literal(FORMAT),
  config_groups: z.record(
    z.string(),
    z.object({
      targets: z.array(z.string()).max(MAX_TARGETS),
      weights: z.object({
        num_bits: bits,
        type: z.literal('int'),
        symmetric: z.literal(true),
        strategy: z.literal('channel'),
      }),
      input_activations: z
        .object({
          num_bits: bits,
          type: z.literal('int'),
          symmetric: z.literal(false),
          strategy: z.literal('tensor'),
          dynamic: z.literal(false),
        })
        .nullish(),
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
  if (!parsed.success) {
    const field = ['quantization_config', ...(parsed.error.issues[0]?.path ?? [])].join('.');
    throw new SdqError(
      'bad-checkpoint',
      `${source}: ${field} is not what can be loaded: integers in the ${METHOD} layout with static activations.`,
    );
  }
  const groups = Object.values(parsed.data.config_groups);
  if (groups.length > MAX_GROUPS) {
    throw new SdqError(
      'bad-checkpoint',
      `${source}: quantization_config has ${groups.length} groups, too many.`,
    );
  }
  const sites: QuantizedSites = new Map();
  for (const { targets, weights, input_activations } of groups) {
    for (const site of targets) {
      sites.set(site, { weightBits: weights.num_bits, activationBits: input_activations?.num_bits });
    }
  }
  return sites;
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
