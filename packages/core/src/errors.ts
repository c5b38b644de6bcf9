/** What went wrong, as a stable name that programs can branch on. */
export type SdqErrorCode =
  | 'path-not-found'
  | 'path-exists'
  | 'io-failed'
  | 'unknown-name'
  | 'bad-option'
  | 'bad-data'
  | 'bad-label'
  | 'empty-data'
  | 'bad-checkpoint'
  | 'missing-tensor'
  | 'bad-shape'
  | 'bad-hash'
  | 'bad-value'
  | 'bad-plan'
  | 'bad-plugin'
  | 'too-long'
  | 'unavailable'
  | 'interrupted';

/**
 * An error that the caller can act on: one sentence that names what is at fault and what to do.
 *
 * @example
 * ```ts
 * import { SdqError } from '@sdq/core';
 *
 * const error = new SdqError('path-not-found', 'No folder "xglue": give the folder that holds NC/, POS/, ....');
 * error.code; // 'path-not-found'
 * ```
 */
export class SdqError extends Error {
  override readonly name = 'SdqError';

  constructor(
    readonly code: SdqErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The error for a name that is not in a list: it names what exists.
 *
 * @example
 * ```ts
 * import { unknownName } from '@sdq/core';
 *
 * unknownName('task', 'POSS', ['NC', 'POS']).message; // 'Unknown task "POSS": choose one of NC, POS.'
 * ```
 */
export function unknownName(kind: string, name: string, known: readonly string[]): SdqError {
  return new SdqError('unknown-name', `Unknown ${kind} "${name}": choose one of ${known.join(', ')}.`);
}
