import type { Site } from '../encoder-ops.ts';

/** How far a quantized tensor lies from the float one. */
export interface TensorError {
  /** The mean squared error. */
  readonly mse: number;
  /** The squared float tensor over the squared error, in dB; null where nothing is lost. */
  readonly sqnr: number | null;
  /** The cosine of the two, in [-1, 1]. */
  readonly cosine: number;
}

/** The part of a model whose tensor was compared. */
export type ErrorPart = 'weight' | 'input' | 'linear' | 'embedding' | 'attention' | 'layerNorm' | 'logits';

/** The error that quantization makes in one tensor of a model. */
export interface SiteError {
  readonly site: Site;
  /** The site's weight, its input as rounded, or its output, named after the operation. */
  readonly part: ErrorPart;
  /** With the inputs of the linears right before it as they are in floats: its own error. */
  readonly local: TensorError;
  /** With all before it quantized too; of a weight the same. */
  readonly accumulated: TensorError;
}

/** How far quantization moves a model's logits. */
export interface LogitChange {
  /** The squared error of the logits, relative to their square. */
  readonly error: number;
  /** The share of the logits' rows whose largest class is another: of predictions that changed. */
  readonly changed: number;
}

/** How far quantization of a site, its weight and its input, moves a model's logits. */
export interface SiteSensitivity {
  readonly site: Site;
  /** Only this site is quantized. */
  readonly only: LogitChange;
  /** All sites of the plan but this one are. */
  readonly allBut: LogitChange;
}

/** How far the logits move as the sites of a plan are quantized. */
export interface Sensitivity {
  /** With the whole plan. */
  readonly all: LogitChange;
  /** By site, in the order of the plan. */
  readonly sites: readonly SiteSensitivity[];
}

/** What an analysis found: the content of `analysis.json`. */
export interface Analysis {
  readonly model: string;
  readonly task: string;
  /** The name of the plan of what was quantized after training, or its rules as JSON. */
  readonly plan: string;
  /** What the run calls its student; absent where no run made it, and in older files. */
  readonly studentLabel?: string;
  /** The dev texts that errors were measured on. */
  readonly languages: readonly string[];
  readonly tokens: number;
  /** The error of each tensor: after training (`ptq`), and in the saved student of a run. */
  readonly errors: { readonly ptq: readonly SiteError[]; readonly student?: readonly SiteError[] };
  /** How far the logits move with one site quantized, and with all but one. */
  readonly sensitivity?: Sensitivity;
}
