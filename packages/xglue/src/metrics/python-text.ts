/** What Python's `str.split` takes for white space: not quite what `\s` is here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts the separators from 1c to 1f as space.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** The words between white space, as Python's `str.split` gives them. */
export const splitWords = (text: string): string[] => text.split(SPACE).filter((word) => word !== '');
