/** What a head decides: a label a sequence, a label a token, or where an answer starts and ends. */
export type HeadKind = 'sequence-classification' | 'token-classification' | 'question-answering';

/** What the class name of a checkpoint ends with, by the head it has. */
export const headClassNames: ReadonlyMap<HeadKind, string> = new Map([
  ['sequence-classification', 'ForSequenceClassification'],
  ['token-classification', 'ForTokenClassification'],
  ['question-answering', 'ForQuestionAnswering'],
]);
