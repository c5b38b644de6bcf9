import type { Edit } from './aligned-text.ts';

/** XLM-R's map has 0.3 MB. */
const MAX_MAP_BYTES = 16 * 2 ** 20;
/** XLM-R's longest key has 10 bytes; a trie that is made up may have keys without end. */
const MAX_KEY_BYTES = 64;

/** The bits of a unit of the trie: the last byte of a key so far, that a key ends here, and that it is a value. */
const LABEL = 0xff;
const ENDS_KEY = 0x100;
const IS_VALUE = 0x80000000;

/**
 * A map from character sequences to what stands for them, as sentencepiece writes it into its models and the
 * `Precompiled` normalizer of a tokenizer.json holds it (`precompiled_charsmap`).
 *
 * At each place the longest key is replaced, as sentencepiece does. The Rust tokenizers library instead looks up each
 * grapheme of fewer than 6 bytes and replaces all of it by the value of the shortest key that it begins with; it looks up
 * other graphemes character by character. So it loses some combining marks and leaves others unjoined.
 *
 * Source: Kudo and Richardson 2018, "SentencePiece", arXiv 1808.06226, section 3.2; the trie is that of Darts-clone.
 */
export class CharacterMap {
  private readonly values = new Map<number, string>();

  private constructor(
    private readonly trie: Uint32Array,
    private readonly blob: Uint8Array,
  ) {}

  /**
   * @param encoded - base64 of: the trie's bytes as u32, the trie as a double array of u32 units, and the values in UTF-8,
   * each ended by a zero byte; all little-endian. An empty text is the map that changes nothing.
   * @throws Error that says what is wrong, without a file name
   */
  static parse(encoded: string): CharacterMap {
    if (encoded === '') return new CharacterMap(new Uint32Array(1), new Uint8Array());
    if (encoded.length > MAX_MAP_BYTES) throw new Error('the character map has more than 16 MB');
    const bytes = fromBase64(encoded);
    const view = new DataView(bytes.buffer);
    const trieBytes = bytes.length < 4 ? 0 : view.getUint32(0, true);
    if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes > bytes.length - 4)
      throw new Error(`the character map of ${bytes.length} bytes is cut off`);
    const trie = new Uint32Array(trieBytes / 4);
    for (let i = 0; i < trie.length; i++) trie[i] = view.getUint32(4 + 4 * i, true);
    const blob = bytes.subarray(4 + trieBytes);
    if (blob.at(-1) !== 0) throw new Error('the last value of the character map is cut off');
    for (const [node, unit] of trie.entries()) {
      if (unit & IS_VALUE || !(unit & ENDS_KEY)) continue;
      const value = trie[children(node, unit)];
      if (value === undefined || (value & ~IS_VALUE) >= blob.length)
        throw new Error('the character map names a value that it does not have');
    }
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(blob);
    } catch {
      throw new Error('the values of the character map are not UTF-8');
    }
    return new CharacterMap(trie, blob);
  }

  /** What to replace in a text, which must have no lone surrogates. */
  edits(text: string): Edit[] {
    const { trie } = this;
    const top = children(0, trie[0]!);
    const edits: Edit[] = [];
    for (let from = 0, next = 0; from < text.length; from = next) {
      let offset = top;
      let value = -1;
      let to = from;
      for (let at = from, depth = 0; at < text.length && depth < MAX_KEY_BYTES; depth++) {
        // The character's bytes in UTF-8, the first in the lowest bits.
        const character = text.codePointAt(at)!;
        let unit = 0;
        for (let bytes = utf8Bytes(character); bytes !== 0; bytes = Math.floor(bytes / 256)) {
          const node = offset ^ (bytes & LABEL);
          unit = node < trie.length ? trie[node]! : 0;
          if ((unit & (IS_VALUE | LABEL)) !== (bytes & LABEL)) {
            unit = 0;
            break;
          }
          offset = children(node, unit);
        }
        if (unit === 0) break;
        at += character > 0xffff ? 2 : 1;
        if (unit & ENDS_KEY) {
          value = trie[offset]! & ~IS_VALUE;
          to = at;
        }
      }
      next = Math.max(to, from + 1);
      if (value >= 0) edits.push({ from, to, text: this.value(value) });
    }
    return edits;
  }

  private value(at: number): string {
    let value = this.values.get(at);
    if (value === undefined) {
      value = new TextDecoder().decode(this.blob.subarray(at, this.blob.indexOf(0, at)));
      this.values.set(at, value);
    }
    return value;
  }
}

/** What the index of each child of a node is combined with, by exclusive or with the child's byte. */
const children = (node: number, unit: number): number => node ^ ((unit >>> 10) << ((unit & 0x200) >>> 6));

function utf8Bytes(character: number): number {
  if (character < 0x80) return character;
  const tail = (shift: number) => 0x80 | ((character >> shift) & 0x3f);
  if (character < 0x800) return (0xc0 | (character >> 6)) + 256 * tail(0);
  if (character < 0x10000) return (0xe0 | (character >> 12)) + 256 * tail(6) + 65_536 * tail(0);
  return (0xf0 | (character >> 18)) + 256 * tail(12) + 65_536 * tail(6) + 16_777_216 * tail(0);
}

function fromBase64(encoded: string): Uint8Array<ArrayBuffer> {
  let decoded: string;
  try {
    decoded = atob(encoded);
  } catch {
    throw new Error('the character map is not base64');
  }
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
  return bytes;
}
