import { SdqError } from '@sdq/core';
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

/** The label if it is among those allowed; else the failure is told and the result is undefined. */
export function checkLabel(request: ReadRequest, label: string, line: number): string | undefined {
  if (request.labels.has(label)) return label;
  const known = [...request.labels].join(', ');
  const where = `${request.source.file}:${line}`;
  request.events.fail(
    new SdqError('bad-label', `${where} has the label "${label}": expected one of ${known}.`),
  );
  return undefined;
}
