export { accuracy } from './accuracy.ts';
export { answerExactMatch, answerF1 } from './answer-match.ts';
export { BLEU_WIDTH, bleuCounts, bleuOf, corpusBleu } from './bleu.ts';
export { countEntities, type TypeRule } from './entities.ts';
export { ndcg } from './ndcg.ts';
export { f1, nerF1 } from './ner-f1.ts';
export { posPrecision, precision } from './pos-precision.ts';
