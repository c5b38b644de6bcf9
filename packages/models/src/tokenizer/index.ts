export { pieceModelType } from './piece-model.ts';
export {
  type Encoding,
  loadTokenizer,
  parseTokenizer,
  readTokenizerJson,
  Tokenizer,
  type WindowEncoding,
  type WordEncoding,
} from './tokenizer.ts';
