/**
 * A part of a job that is done once: what runs it skips what is finished, takes its time, and goes on with what was
 * interrupted. `Context` is what the stages of a job share, `Outcome` what a stage leaves behind.
 *
 * @example
 * ```ts
 * import type { Stage } from '@sdq/core';
 *
 * const words = (text: string): Stage<Map<string, number>, number> => ({
 *   name: 'words',
 *   needs: [],
 *   run: async () => text.split(' ').length,
 * });
 * await words('one two').run(new Map()); // 2
 * ```
 */
export interface Stage<Context, Outcome> {
  /** Unique in its job. */
  readonly name: string;
  /** The names of the stages that come before it. */
  readonly needs: readonly string[];
  run(context: Context): Promise<Outcome>;
}
