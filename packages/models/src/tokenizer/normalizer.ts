import { ReplaceNormalizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import type { AlignedText, Edit } from './aligned-text.ts';
import { CharacterMap } from './character-map.ts';

/** Changes a text before it is cut into words. */
export type Normalizer = (text: AlignedText) => AlignedText;

const pattern = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);

const stage = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('Precompiled'), precompiled_charsmap: z.string().nullish() }),
  z.looseObject({ type: z.literal('Sequence'), normalizers: z.array(z.unknown()) }),
  z.looseObject({ type: z.literal('Replace'), pattern, content: z.string() }),
  z.looseObject({
    type: z.literal('BertNormalizer'),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  }),
  z.looseObject({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents']) }),
  z.looseObject({ type: z.literal('Strip'), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.looseObject({ type: z.literal('Prepend'), prepend: z.string() }),
]);

/** The ranges of the Rust library, which leaves out U+2B820 to U+2B91F. */
const CHINESE =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
/** Control characters, which go, and white space other than a space. */
const UNCLEAN = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]|(?! )\p{White_Space}/gu;
const WHITE_SPACE = /^[\t\n\r]$|^(?!\p{Cc})\p{White_Space}$/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * The normalizer that a tokenizer.json describes.
 *
 * @throws Error or ZodError that says what is wrong, without a file name
 */
export function createNormalizer(json: unknown): Normalizer {
  if (json === null || json === undefined) return (text) => text;
  const described = stage.parse(json);
  switch (described.type) {
    case 'Sequence':
      return inSequence(described.normalizers.map(createNormalizer));
    case 'Precompiled': {
      const map = CharacterMap.parse(described.precompiled_charsmap ?? '');
      return (text) => text.edit(map.edits(text.text));
    }
    case 'Replace': {
      // Only the library's own class turns Rust's regular expressions into those of JavaScript.
      const expression = new ReplaceNormalizer(described).pattern;
      if (expression === null || new RegExp(expression).test(''))
        throw new Error('the pattern of Replace matches the empty text');
      return replacing(expression, () => described.content);
    }
    case 'BertNormalizer':
      return bertNormalizer(described);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return replacing(/\p{M}/gu, () => '');
    case 'Strip':
      return stripping(described.strip_left, described.strip_right);
    case 'Prepend':
      return (text) => text.prepend(described.prepend);
    default:
      return unicodeForm(described.type);
  }
}

function bertNormalizer(options: {
  clean_text: boolean;
  handle_chinese_chars: boolean;
  strip_accents?: boolean | null | undefined;
  lowercase: boolean;
}): Normalizer {
  const steps: Normalizer[] = [];
  if (options.clean_text) steps.push(replacing(UNCLEAN, (found) => (WHITE_SPACE.test(found) ? ' ' : '')));
  if (options.handle_chinese_chars) steps.push(replacing(CHINESE, (found) => ` ${found} `));
  if (options.strip_accents ?? options.lowercase)
    steps.push(
      unicodeForm('NFD'),
      replacing(/\p{Mn}/gu, () => ''),
    );
  if (options.lowercase) steps.push(lowercase);
  return inSequence(steps);
}

const inSequence =
  (steps: readonly Normalizer[]): Normalizer =>
  (text) =>
    steps.reduce((current, step) => step(current), text);

/** Replaces what a global expression finds. */
function replacing(expression: RegExp, replacement: (found: string) => string): Normalizer {
  return (text) => {
    const edits: Edit[] = [];
    for (const { 0: found, index } of text.text.matchAll(expression))
      edits.push({ from: index, to: index + found.length, text: replacement(found) });
    return text.edit(edits);
  };
}

/** Each character on its own: a sigma at a word's end is as any other. */
const lowercase: Normalizer = (text) =>
  text.text.toLowerCase() === text.text
    ? text
    : text.edit(changed(text.text, 0, (part) => part.toLowerCase()));

function stripping(left: boolean, right: boolean): Normalizer {
  return (text) => {
    const from = left ? /^\p{White_Space}*/u.exec(text.text)![0].length : 0;
    let to = text.text.length;
    while (right && to > from && /\p{White_Space}/u.test(text.text[to - 1]!)) to--;
    const edits: Edit[] = [
      { from: 0, to: from, text: '' },
      { from: to, to: text.text.length, text: '' },
    ];
    return text.edit(edits.filter((edit) => edit.from < edit.to));
  };
}

/**
 * A Unicode normalization form: character by character where that gives the same, else by what changes of a grapheme, as
 * no composition reaches beyond one.
 */
function unicodeForm(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalizer {
  const normalize = (part: string) => part.normalize(form);
  return (text) => {
    if (normalize(text.text) === text.text) return text;
    const edits: Edit[] = [];
    for (const { segment, index } of graphemes.segment(text.text)) {
      const whole = normalize(segment);
      if (whole === segment) continue;
      if (Array.from(segment, normalize).join('') === whole)
        edits.push(...changed(segment, index, normalize));
      else edits.push(difference(segment, whole, index));
    }
    return text.edit(edits);
  };
}

/** The part of a text between what it has in common with another at the start and at the end. */
function difference(text: string, now: string, at: number): Edit {
  const [before, after] = [[...text], [...now]];
  let first = 0;
  while (first < before.length && before[first] === after[first]) first++;
  let last = 0;
  const most = Math.min(before.length - 1, after.length) - first;
  while (last < most && before.at(-1 - last) === after.at(-1 - last)) last++;
  const from = at + before.slice(0, first).join('').length;
  const changes = before.slice(first, before.length - last).join('');
  return { from, to: from + changes.length, text: after.slice(first, after.length - last).join('') };
}

/** The characters of a part of a text that a function changes. */
function changed(part: string, at: number, change: (character: string) => string): Edit[] {
  const edits: Edit[] = [];
  let from = at;
  for (const character of part) {
    const now = change(character);
    if (now !== character) edits.push({ from, to: from + character.length, text: now });
    from += character.length;
  }
  return edits;
}
