import { unknownName } from '@sdq/core';

/** The name of a model family, as `model_type` in config.json. */
export type FamilyName = 'bert' | 'xlm-roberta';

/** How a family of encoders differs from the others, beyond its sizes. */
export interface ModelFamily {
  readonly name: FamilyName;
  /** What stands before the encoder's parameter names in a checkpoint with a head. */
  readonly prefix: string;
  /** What the family's class names begin with (`BertModel`, `BertForSequenceClassification`). */
  readonly className: string;
  /** The position of a sequence's first token, given the padding token's id. */
  readonly firstPosition: (padId: number) => number;
  /** The layers of the sequence head before its output, and the output. */
  readonly sequenceHead: { readonly dense: string; readonly output: string; readonly dropoutFirst: boolean };
  readonly defaultPadId: number;
}

/**
 * BERT (Devlin et al. 2019, arXiv 1810.04805): multilingual BERT, multilingual MiniLM, multilingual E5.
 */
const bert: ModelFamily = {
  name: 'bert',
  prefix: 'bert.',
  className: 'Bert',
  firstPosition: () => 0,
  sequenceHead: { dense: 'pooler.dense', output: 'classifier', dropoutFirst: false },
  defaultPadId: 0,
};

/**
 * XLM-R (Conneau et al. 2020, arXiv 1911.02116) and InfoXLM: positions are counted from behind the padding id.
 */
const xlmRoberta: ModelFamily = {
  name: 'xlm-roberta',
  prefix: 'roberta.',
  className: 'XLMRoberta',
  firstPosition: (padId) => padId + 1,
  sequenceHead: { dense: 'classifier.dense', output: 'classifier.out_proj', dropoutFirst: true },
  defaultPadId: 1,
};

const families: readonly ModelFamily[] = [bert, xlmRoberta];

/**
 * The family of a name.
 *
 * @throws SdqError 'unknown-name' when there is no such family
 */
export function familyOf(name: string): ModelFamily {
  const family = families.find((candidate) => candidate.name === name);
  if (family === undefined) {
    throw unknownName(
      'model family',
      name,
      families.map((known) => known.name),
    );
  }
  return family;
}
