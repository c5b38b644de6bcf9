/** An option whose value is another than before. */
export interface OptionDifference {
  /** With dots between the names of groups: `quantized.learningRate`. */
  readonly option: string;
  readonly before: unknown;
  readonly now: unknown;
}

/** More options than this, or longer values, help nobody. */
const MAX_OPTIONS = 5;
const MAX_VALUE = 60;

/** The options whose values differ between two configurations; one that is undefined is as one that is absent. */
export function optionDifferences(before: object, now: object): OptionDifference[] {
  const [old, current] = [flat(before), flat(now)];
  return [...new Set([...old.keys(), ...current.keys()])]
    .map((option) => ({ option, before: old.get(option), now: current.get(option) }))
    .filter((one) => JSON.stringify(one.before) !== JSON.stringify(one.now));
}

/** The differences as a clause: `seed was 0 and is 1`. */
export function differencesText(differences: readonly OptionDifference[]): string {
  const shown = differences
    .slice(0, MAX_OPTIONS)
    .map(({ option, before, now }) => `${option} was ${valueText(before)} and is ${valueText(now)}`);
  const more = differences.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more options differ` : ''}`;
}

function valueText(value: unknown): string {
  if (value === undefined) return 'not given';
  const text = JSON.stringify(value);
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE)}...`;
}

/** Every option by its name with dots; lists are values. */
function flat(options: object, prefix = ''): Map<string, unknown> {
  return new Map(
    Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
      if (value === undefined) return [];
      const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
      return isGroup ? [...flat(value, `${prefix}${name}.`)] : [[prefix + name, value]];
    }),
  );
}
