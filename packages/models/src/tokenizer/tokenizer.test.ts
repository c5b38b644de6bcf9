import { existsSync, readFileSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporary-folder.ts';
import { unigramTokenizer, wordPieceTokenizer } from '../../test/tiny-tokenizer.ts';
import { cachedDefaultCheckpoint } from '../hub/fetch-checkpoint.ts';
import { loadTokenizer, parseTokenizer, type Tokenizer } from './tokenizer.ts';

const folder = temporaryFolder();
const path = () => join(folder.path, 'tokenizer.json');

async function load(json: object): Promise<Tokenizer> {
  await writeFile(path(), JSON.stringify(json));
  return loadTokenizer(folder.path);
}

describe("a tokenizer of XLM-R's kind", () => {
  it('splits a context into windows that overlap, and says where each piece stands', async () => {
    const tokenizer = await load(unigramTokenizer());
    const context = 'the  cats sat\nthe dog sat.';
    // The pieces of the context: the cat s sat the dog sat "."; with <s> a </s></s> and </s> 5 more tokens a window.
    const windows = tokenizer.encodeWindows('dog', context, 10, 2);
    expect(windows.map(({ ids }) => [...ids])).toEqual([
      [0, 9, 2, 2, 5, 6, 7, 8, 5, 2],
      [0, 9, 2, 2, 8, 5, 9, 8, 12, 2],
    ]);
    expect(windows.every(({ contextRow }) => contextRow === 4)).toBe(true);
    const texts = windows.map(({ starts, ends }) => [...starts].map((at, i) => context.slice(at, ends[i])));
    expect(texts).toEqual([
      ['the', 'cat', 's', 'sat', 'the'],
      ['sat', 'the', 'dog', 'sat', '.'],
    ]);
    expect(windows.some(({ cut }) => cut)).toBe(false);
  });

  it('makes one window of a context that fits, even of none, and says when a question is cut', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect(tokenizer.encodeWindows('dog', 'the cat', 32, 8).map(({ ids }) => [...ids])).toEqual([
      [0, 9, 2, 2, 5, 6, 2],
    ]);
    const [empty] = tokenizer.encodeWindows('dog', '', 32, 8);
    expect([...empty!.ids]).toEqual([0, 9, 2, 2, 2]);
    const [cut] = tokenizer.encodeWindows('the dog sat the dog', 'the cat', 8, 0);
    expect([[...cut!.ids], cut!.cut]).toEqual([[0, 5, 9, 2, 2, 5, 6, 2], true]);
    expect(() => tokenizer.encodeWindows('dog', 'the cat', 4, 0)).toThrow('the special tokens alone are 4');
  });

  it('says when a text was cut', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect(tokenizer.encodeTyped('the cat', undefined, 4).cut).toBeUndefined();
    expect(tokenizer.encodeTyped('the cats', undefined, 4).cut).toBe(true);
    expect(tokenizer.encodeWords(['the', 'cat'], 4).cut).toBeUndefined();
    expect(tokenizer.encodeWords(['the', 'cats'], 4).cut).toBe(true);
    expect(tokenizer.encodeWords(['the', 'cat', 'sat'], 4).cut).toBe(true);
  });

  it('puts special tokens where its template says', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect([...tokenizer.encode('the cats', undefined, 16)]).toEqual([0, 5, 6, 7, 2]);
    const { ids, tokenTypes } = tokenizer.encodeTyped('the cats', 'the dog', 16);
    expect([...ids]).toEqual([0, 5, 6, 7, 2, 2, 5, 9, 2]);
    expect([...tokenTypes]).toEqual(Array(9).fill(0));
  });

  it.each([
    // [room for pieces, pieces of the first, pieces of the second] of texts with 6 and 2, as the Rust tokenizers cut.
    [8, 6, 2],
    [7, 5, 2],
    [4, 2, 2],
    [3, 2, 1],
    [1, 1, 0],
  ])('cuts the longer text first: %i pieces are %i and %i', async (room, first, second) => {
    const tokenizer = await load(unigramTokenizer());
    const [long, short] = ['the cats sat the dog', 'the dog'];
    const [a, b] = [
      [5, 6, 7, 8, 5, 9],
      [5, 9],
    ] as const;
    const parts = (x: readonly number[], y: readonly number[]) => [0, ...x, 2, 2, ...y, 2];
    expect([...tokenizer.encode(long, short, room + 4)]).toEqual(
      parts(a.slice(0, first), b.slice(0, second)),
    );
    // Of two that are cut, the shorter one has the smaller half.
    const swapped = parts(b.slice(0, second), a.slice(0, first));
    expect([...tokenizer.encode(short, long, room + 4)]).toEqual(swapped);
  });

  it('tokenizes words each with a leading space, and says where each begins', async () => {
    const tokenizer = await load(unigramTokenizer());
    const { ids, firstPiece } = tokenizer.encodeWords(['the', 'cats', 'sat', '.'], 16);
    expect([...ids]).toEqual([0, 5, 6, 7, 8, 4, 12, 2]);
    // The full stop is "▁" and ".": its label stands on the piece with text.
    expect([...firstPiece]).toEqual([1, 2, 4, 6]);
  });

  it('marks words beyond the cut, and keeps the first pieces of one that the cut splits', async () => {
    const tokenizer = await load(unigramTokenizer());
    const { ids, firstPiece } = tokenizer.encodeWords(['the', 'cats', 'sat'], 4);
    expect([...ids]).toEqual([0, 5, 6, 2]);
    expect([...firstPiece]).toEqual([1, 2, -1]);
    // Room for the "▁" of the full stop alone is room for nothing of it.
    expect([...tokenizer.encodeWords(['the', '.'], 4).firstPiece]).toEqual([1, -1]);
  });

  it('gives a word without a piece the unknown token', async () => {
    const normalizer = { type: 'Replace', pattern: { String: '\u0001' }, content: '' };
    const tokenizer = await load({ ...unigramTokenizer(), normalizer });
    const { ids, firstPiece } = tokenizer.encodeWords(['\u0001', '', 'dog'], 16);
    expect([...ids]).toEqual([0, 3, 3, 9, 2]);
    expect([...firstPiece]).toEqual([1, 2, 3]);
  });

  it('encodes no words, and no text, as the special tokens alone', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect([...tokenizer.encodeWords([], 8).ids]).toEqual([0, 2]);
    expect([...tokenizer.encode('', undefined, 8)]).toEqual([0, 2]);
    expect([...tokenizer.encode('', '', 8)]).toEqual([0, 2, 2, 2]);
  });

  it('refuses a length that the special tokens fill', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect(() => tokenizer.encode('the', undefined, 2)).toThrow('maxLength is 2');
    expect(() => tokenizer.encode('the', 'the', 4)).toThrow('maxLength is 4');
    expect(() => tokenizer.encodeWords(['the'], Number.NaN)).toThrow('maxLength is NaN');
  });

  it('bounds the work on one text: ten million characters would never end', async () => {
    const tokenizer = await load(unigramTokenizer());
    expect(tokenizer.encode('ab'.repeat(5_000_000), undefined, 128).length).toBe(128);
  });
});

describe("a tokenizer of BERT's kind", () => {
  it('marks the second text by its token types', async () => {
    const tokenizer = await load(wordPieceTokenizer());
    const { ids, tokenTypes } = tokenizer.encodeTyped('the cats.', 'dog', 16);
    expect([...ids]).toEqual([2, 4, 5, 6, 9, 3, 8, 3]);
    expect([...tokenTypes]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
  });

  it('tokenizes words each on its own', async () => {
    const tokenizer = await load(wordPieceTokenizer());
    const { ids, firstPiece } = tokenizer.encodeWords(['cats', 'zzz', 'sat.'], 16);
    expect([...ids]).toEqual([2, 5, 6, 1, 7, 9, 3]);
    expect([...firstPiece]).toEqual([1, 3, 4]);
  });
});

it("numbers XLM-R's token types 0 also after RoBERTa's post-processor", async () => {
  const processor = { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] };
  const tokenizer = await load({ ...unigramTokenizer(), post_processor: processor });
  const { ids, tokenTypes } = tokenizer.encodeTyped('cat', 'dog', 16);
  expect([...ids]).toEqual([0, 6, 2, 2, 9, 2]);
  expect([...tokenTypes]).toEqual([0, 0, 0, 0, 0, 0]);
});

describe('loadTokenizer', () => {
  it.each([
    ['no file', undefined, 'path-not-found', 'Cannot open'],
    ['no JSON', '{', 'bad-checkpoint', 'is not JSON'],
    ['no object', '3', 'bad-checkpoint', 'is not an object'],
    [
      'another kind of model',
      '{"model":{"type":"BPE"}}',
      'bad-checkpoint',
      'is not a usable tokenizer: its model is of the kind BPE, and only Unigram and WordPiece are supported.',
    ],
    ['no model', '{}', 'bad-checkpoint', 'is not a usable tokenizer: "model": '],
  ])('refuses %s', async (_, text, code, message) => {
    if (text !== undefined) await writeFile(path(), text);
    await expect(loadTokenizer(folder.path)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('refuses a file beyond any tokenizer, without reading it', async () => {
    await writeFile(path(), '');
    await truncate(path(), 2 ** 40);
    await expect(loadTokenizer(folder.path)).rejects.toThrow('more than the 134217728 allowed');
  });

  it('refuses one that cannot say what is unknown', async () => {
    const text = JSON.stringify(unigramTokenizer()).replace('"unk_id":3', '"unk_id":null');
    await writeFile(path(), text);
    await expect(loadTokenizer(folder.path)).rejects.toThrow('is not a usable tokenizer: "unk_id": ');
  });

  const unigram = unigramTokenizer();
  const template = (special: string) =>
    JSON.parse(JSON.stringify(unigram).replaceAll('"<s>"', JSON.stringify(special))).post_processor;
  it.each([
    ['a normalizer', { normalizer: { type: 'Nmt' } }, /"type": Invalid/],
    ['a pre-tokenizer', { pre_tokenizer: { type: 'ByteLevel' } }, /"type": Invalid/],
    [
      'contradicting options',
      { pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: false } },
      /add_prefix_space false beside the prepend_scheme "always"/,
    ],
    [
      'a pattern that finds nothing everywhere',
      { normalizer: { type: 'Replace', pattern: { Regex: 'x*' }, content: '' } },
      /Replace matches the empty text/,
    ],
    [
      'an id that an added token cannot have',
      { added_tokens: [{ id: 99, content: 'new' }] },
      /added token "new" has the id 99 where 13 is due/,
    ],
    [
      'a special token without an id',
      { post_processor: { ...template('<s>'), special_tokens: {} } },
      /post-processor does not say what <s> is/,
    ],
    [
      'a special token that is no piece',
      {
        post_processor: {
          ...template('<s>'),
          special_tokens: { '<s>': { ids: [0] }, '</s>': { ids: [99] } },
        },
      },
      /post-processor adds 99, which is no piece's id/,
    ],
    [
      'a template without a text',
      { post_processor: { type: 'TemplateProcessing', single: [], pair: [], special_tokens: {} } },
      /does not place each text once/,
    ],
    [
      "a special token of another vocabulary's id",
      { post_processor: { type: 'BertProcessing', sep: ['</s>', 4], cls: ['<s>', 0] } },
      /post-processor calls 4 "<\/s>", and its vocabulary does not/,
    ],
  ])('refuses %s that it does not know, with the reason and its cause', (_, change, message) => {
    const parse = () => parseTokenizer({ ...unigram, ...change }, 'a/tokenizer.json');
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^a\/tokenizer\.json is not a usable tokenizer: [^\n]*\.$/);
    expect(parse).toThrow(expect.objectContaining({ code: 'bad-checkpoint', cause: expect.any(Error) }));
  });
});

const cached = cachedDefaultCheckpoint();
const oracles = new URL('../../../../../shared/tokenizer/oracles.json', import.meta.url);
const lacks = cached === undefined ? 'the model is not in the cache' : '../shared/tokenizer is missing';
const there = cached !== undefined && existsSync(oracles);

describe.skipIf(!there)(`XLM-R's vocabulary${there ? '' : ` (skipped: ${lacks})`}`, () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(cached!);
  });

  const cases = there
    ? (JSON.parse(readFileSync(oracles, 'utf8')) as { tok: { text: string; ids: number[] }[] }).tok
    : [];
  // Upstream matches a literal "<unk>" in the text in another way.
  it.each(cases.filter(({ text }) => !text.includes('<unk>')))(
    'gives the ids of upstream: $text',
    ({ text, ids }) => {
      const own = [...tokenizer.encode(text, undefined, 512)];
      expect(own).toEqual(ids[0] === 0 ? ids : [0, ...ids, 2]);
    },
  );
});
