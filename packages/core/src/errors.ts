import { listed, quoted } from './bounded-text.ts';

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

/** In UTF-16 units: a long path and a sentence fit. */
const MAX_MESSAGE = 2000;
/** What stays of the end, where a message says what to do. */
const MESSAGE_END = 400;

/**
 * An error that the caller can act on: one sentence, of at most 2,005 characters, that names what is at fault and what
 * to do.
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
    super(bounded(message), options);
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
  return new SdqError('unknown-name', `Unknown ${kind} ${quoted(name)}: choose one of ${listed(known, 40)}.`);
}

/** What a message may hold of a file or of another program's error has no bound of its own: the middle goes. */
function bounded(message: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  return `${message.slice(0, MAX_MESSAGE - MESSAGE_END)} ... ${message.slice(-MESSAGE_END)}`;
}
