import { readFileSync } from 'node:fs';

/** The part of each special token, by the names that tokenizers of the families give them. */
const ROLES: Readonly<Record<string, string>> = {
  '<s>': 'cls_token',
  '[CLS]': 'cls_token',
  '</s>': 'sep_token',
  '[SEP]': 'sep_token',
  '<pad>': 'pad_token',
  '[PAD]': 'pad_token',
  '<unk>': 'unk_token',
  '[UNK]': 'unk_token',
  '<mask>': 'mask_token',
  '[MASK]': 'mask_token',
};

/** The content of tokenizer_config.json, without which transformers and transformers.js do not load a tokenizer. */
export function tokenizerConfig(tokenizerFile: string, maxLength: number): string {
  const { added_tokens = [] } = JSON.parse(readFileSync(tokenizerFile, 'utf8')) as {
    added_tokens?: readonly { readonly content: string }[];
  };
  const special = added_tokens.flatMap(({ content }) =>
    Object.hasOwn(ROLES, content) ? [[ROLES[content]!, content] as const] : [],
  );
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(special),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
