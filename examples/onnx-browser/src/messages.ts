/** The models that are compared, by the name under which the server has them. */
export const MODELS = ['int8', 'fp32'] as const;
export type ModelName = (typeof MODELS)[number];

/** What the page asks of the worker. */
export interface Question {
  readonly text: string;
  /** Empty for one text alone. */
  readonly pair: string;
}

/** A label of a text, or of one of its words. */
interface Decision {
  /** The word; empty where the whole text has one label. */
  readonly word: string;
  /** Empty for a word behind the longest text that the model takes. */
  readonly label: string;
  /** 0 to 1. */
  readonly probability: number;
}

export interface Answer {
  readonly decisions: readonly Decision[];
  /** Of running the model, the median of several times. */
  readonly milliseconds: number;
}

/** What a model is, once it is loaded. */
export interface Loaded {
  readonly labels: readonly string[];
  readonly tagsWords: boolean;
  readonly modelBytes: number;
  readonly tokenizerBytes: number;
  readonly threads: number;
}

/** What the worker tells the page. */
export type Message =
  | { readonly kind: 'progress'; readonly model: ModelName; readonly bytes: number; readonly of: number }
  | ({ readonly kind: 'loaded'; readonly model: ModelName } & Loaded)
  | { readonly kind: 'failed'; readonly model: ModelName; readonly message: string }
  | { readonly kind: 'answered'; readonly answers: Readonly<Partial<Record<ModelName, Answer>>> };
