export { type TrimmedTokenizer, trimTokenizer } from './trim-tokenizer.ts';
