import type { EncoderShape } from './distillation.ts';
import type { EncoderOps, PackedBatch } from './encoder-ops.ts';
import type { RoleOf } from './roles.ts';

/** The sizes and settings of an encoder. */
export interface EncoderConfig extends EncoderShape {
  /** The name of a {@link ModelFamily}. */
  readonly family: string;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  /** Rows of the position table; XLM-R's sequences may be shorter than that. */
  readonly positions: number;
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
  readonly hiddenDropout: number;
  readonly classifierDropout: number;
  readonly padId: number;
}

/** Packed sequences, with the token type of each token where the model has types; all are 0 without. */
export interface EncoderBatch extends PackedBatch {
  /** [tokens], each below the number of token types. */
  readonly tokenTypes?: Int32Array;
}

/** Finds a parameter by its name in the checkpoint. */
export type FindParameter<T> = (name: string) => T;

/** The layers of a sequence head: a dense layer with tanh, and the output. */
export interface SequenceHeadSites {
  readonly dense: string;
  readonly output: string;
  /** Whether there is dropout before the dense layer, beside that before the output. */
  readonly dropoutFirst: boolean;
}

/** An architecture of encoders: its parameters, its forward pass, and how its checkpoints are written. */
export interface ModelFamily {
  /** As `model_type` in config.json. */
  readonly name: string;
  /** What stands before the encoder's parameter names in a checkpoint with a head. */
  readonly prefix: string;
  /** What the family's class names begin with (`BertModel`, `BertForSequenceClassification`). */
  readonly className: string;
  readonly sequenceHead: SequenceHeadSites;
  /** Whether a config.json, parsed, describes an encoder of this family. */
  matches(configJson: unknown): boolean;
  /**
   * The encoder that config.json describes.
   *
   * @param source - the file's name, for errors
   * @throws SdqError `bad-checkpoint` when a field is missing or out of bounds
   */
  parse(configJson: unknown, source: string): EncoderConfig;
  /** What {@link parse} reads. */
  configFile(config: EncoderConfig): Record<string, unknown>;
  /** The position of a sequence's first token, given the padding token's id. */
  firstPosition(padId: number): number;
  /** The name and shape of every parameter of the encoder, in the order of the checkpoint. */
  parameters(config: EncoderConfig): ReadonlyMap<string, readonly number[]>;
  /** Parameters that a checkpoint may have beside those, for a head to start from. */
  optionalParameters(config: EncoderConfig): ReadonlyMap<string, readonly number[]>;
  /**
   * The hidden states [tokens, hidden] of a batch whose offsets, lengths and token types are checked. Its `ids` and
   * `tokenTypes` go to `ops.embed` as they are, by which an interpreter knows which rows are looked up.
   */
  forward<T>(ops: EncoderOps<T>, config: EncoderConfig, find: FindParameter<T>, batch: EncoderBatch): T;
  /** The role of a parameter or site, by its name without {@link prefix}. */
  readonly roleOf: RoleOf;
}
