import { listed, quoted, SdqError } from '@sdq/core';
import type { SplitSource } from './layout.ts';
import type { ReadEvents } from './lines.ts';
import type { SplitName, Task } from './tasks.ts';

/** What the reader of one file layout needs. */
export interface ReadRequest {
  readonly info: Task;
  readonly language: string;
  readonly split: SplitName;
  readonly source: SplitSource;
  readonly labels: ReadonlySet<string>;
  readonly unlabelled: boolean;
  readonly events: ReadEvents;
}

/**
 * The label if it is among those allowed; else the failure is told and the result is undefined.
 *
 * @param hint - what else the message should say
 */
export function checkLabel(request: ReadRequest, label: string, line: number, hint = ''): string | undefined {
  if (request.labels.has(label)) return label;
  const where = `${request.source.file}:${line}`;
  const known = listed(request.labels);
  request.events.fail(
    new SdqError('bad-label', `${where} has the label ${quoted(label)}: expected one of ${known}${hint}.`),
  );
  return undefined;
}
