const MAX_QUOTED = 80;
const MAX_LISTED = 20;

/**
 * A text from a file or a user, fit for a message: in quotes, without line breaks or control characters, cut when it is
 * long.
 *
 * @param max - characters (UTF-16 units) that are kept, > 0
 *
 * @example
 * ```ts
 * import { quoted } from '@sdq/core';
 *
 * quoted('a line\nbreak'); // '"a line\\nbreak"'
 * quoted('a'.repeat(500), 3); // '"aaa..."'
 * ```
 */
export function quoted(text: string, max = MAX_QUOTED): string {
  return JSON.stringify(shortened(text, max));
}

/**
 * Some values, fit for a message: the first of them and how many more there are, each cut when it is long.
 *
 * @param max - values that are named, > 0
 *
 * @example
 * ```ts
 * import { listed } from '@sdq/core';
 *
 * listed(['de', 'en', 'fr'], 2); // 'de, en and 1 more'
 * ```
 */
export function listed(values: Iterable<string>, max = MAX_LISTED): string {
  const all = [...values];
  const named = all.slice(0, max).map((value) => {
    const quotes = quoted(value);
    // A value that needs no escapes and no cut stays as it is.
    return quotes === `"${value}"` ? value : quotes;
  });
  return all.length > max ? `${named.join(', ')} and ${all.length - max} more` : named.join(', ');
}

/** A text cut to its first `max` characters, not in the middle of one. */
function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = /[\uD800-\uDBFF]/.test(text[max - 1]!) ? max - 1 : max;
  return `${text.slice(0, end)}...`;
}
