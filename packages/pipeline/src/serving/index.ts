export {
  answerTexts,
  type LabelProbabilities,
  type ProbableAnswer,
  type TextAnswer,
  type TextError,
  type TextInput,
  type TextResult,
} from './answer-texts.ts';
export {
  type LoadEncoderOptions,
  loadEncoder,
  type ServedEncoder,
  type ServingStats,
} from './load-encoder.ts';
