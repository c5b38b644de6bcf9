import type { ZodError } from 'zod';

/** What a sentence about a file says of the first field that its schema refuses. */
export function badField(error: ZodError): string {
  const issue = error.issues[0];
  const field = issue?.path.join('.') || 'the file';
  return `${field} is not usable (${issue?.message ?? 'invalid'})`;
}
