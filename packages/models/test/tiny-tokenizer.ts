/** A tokenizer.json as XLM-R's: unigram pieces behind "▁", `<s> A </s></s> B </s>`. */
export function unigramTokenizer(): object {
  const pieces = ['<s>', '<pad>', '</s>', '<unk>', '▁', '▁the', '▁cat', 's', '▁sat', '▁dog', 'a', 'b', '.'];
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  return {
    version: '1.0',
    added_tokens: pieces.slice(0, 4).map((content, id) => addedToken(content, id)),
    normalizer: { type: 'Replace', pattern: { Regex: String.raw`\s+` }, content: ' ' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('<s>'), sequence('A'), special('</s>')],
      pair: [special('<s>'), sequence('A'), special('</s>'), special('</s>'), sequence('B'), special('</s>')],
      special_tokens: {
        '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
        '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
      },
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: { type: 'Unigram', unk_id: 3, vocab: pieces.map((piece, id) => [piece, id < 4 ? 0 : -id]) },
  };
}

/** A tokenizer.json as multilingual BERT's: WordPiece, `[CLS] A [SEP] B [SEP]` with types 0 and 1. */
export function wordPieceTokenizer(): object {
  const pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'the', 'cat', '##s', 'sat', 'dog', '.'];
  return {
    version: '1.0',
    added_tokens: pieces.slice(0, 4).map((content, id) => addedToken(content, id)),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: false },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  };
}

function addedToken(content: string, id: number): object {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}
