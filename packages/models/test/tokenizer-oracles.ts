import { readFileSync } from 'node:fs';

/** What the Rust tokenizers library makes of a text; sentencepiece normalized it where `map` says so. */
export interface PiecesOracle {
  readonly tokenizer: string;
  readonly text: string;
  readonly ids: number[];
  /** In UTF-16 units. */
  readonly starts: number[];
  readonly ends: number[];
  readonly map?: 'sentencepiece';
  /** The text's words, each tokenized on its own, and the word of each piece. */
  readonly inWords?: { readonly of: string[]; readonly ids: number[]; readonly words: number[] };
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`oracles/tokenizer/${name}`, import.meta.url), 'utf8'));

export const piecesOracles = (): PiecesOracle[] => read('pieces.json').cases;

/** The SHA-256 of what sentencepiece makes of each code point but surrogates, joined by line feeds. */
export const everyCharacterOracle = (): string => read('pieces.json').everyCharacter;

/** The tokenizers' character map, in base64. */
export const characterMapOracle = (): string => read('files.json').map;

/** By tokenizer: for each text of strings.json the first 12 digits of the SHA-256 of the text and its ids. */
export const digestOracles = (): Record<string, string[]> => read('digests.json');

/** The tokenizer.json contents that the oracles were made with, by name. */
export function oracleTokenizers(): Map<string, object> {
  const { map, models, tokenizers } = read('files.json');
  return new Map(
    Object.entries(tokenizers as Record<string, { model: string }>).map(([name, content]) => [
      name,
      {
        ...JSON.parse(JSON.stringify(content).replace('"nmt_nfkc"', JSON.stringify(map))),
        model: models[content.model],
      },
    ]),
  );
}
