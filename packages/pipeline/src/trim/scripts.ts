import { SdqError } from '@sdq/core';

/** The scripts of Unicode that a script of languages is written in, where it is not one of the same name. */
const MIXED: Readonly<Record<string, readonly string[]>> = {
  Hans: ['Hani', 'Bopo'],
  Hant: ['Hani', 'Bopo'],
  Jpan: ['Hani', 'Hira', 'Kana'],
  Kore: ['Hang', 'Hani'],
};

/**
 * Tests whether a piece of a vocabulary is a single character, with or without the mark of a space or of a
 * continuation, of the scripts of some languages, or of none: a digit, a punctuation mark, a symbol.
 *
 * @param languages - codes as in BCP 47: `en`, `zh`, `sr-Latn`
 * @throws SdqError `bad-option` for a code that is no language's
 */
export function scriptsOf(languages: readonly string[]): RegExp {
  const scripts = new Set(['Zyyy', 'Zinh']);
  for (const language of languages) {
    for (const script of scriptsOfLanguage(language)) scripts.add(script);
  }
  const classes = [...scripts].map((script) => `\\p{Script=${script}}`).join('');
  return new RegExp(`^(?:▁|##)?[${classes}]$`, 'u');
}

function scriptsOfLanguage(language: string): readonly string[] {
  let script: string | undefined;
  try {
    script = new Intl.Locale(language).maximize().script;
  } catch {
    // No code at all: the same answer as for one of no known language.
  }
  if (script === undefined) {
    throw new SdqError(
      'bad-option',
      `"${language}" is no code of a language whose script is known: give one as en or zh.`,
    );
  }
  return MIXED[script] ?? [script];
}
