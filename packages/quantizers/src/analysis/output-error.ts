import { type AffineGrid, SdqError, type Site, yieldToEvents } from '@sdq/core';
import type { LogitChange } from '@sdq/core/results';
import * as tf from '@tensorflow/tfjs';
import { FakeQuantizedOps } from '../interpreters/index.ts';
import type { ResolvedPlan } from '../plan/index.ts';
import type { CalibratedModel } from '../post-training/index.ts';

/** Compares the logits of a model under a plan with those in floats, which it keeps. */
export class OutputError<Batch> {
  private constructor(
    private readonly model: CalibratedModel<Batch>,
    private readonly batches: readonly Batch[],
    private readonly expected: readonly tf.Tensor[],
  ) {}

  /** @throws SdqError `empty-data` without batches */
  static async of<Batch>(
    model: CalibratedModel<Batch>,
    batches: readonly Batch[],
  ): Promise<OutputError<Batch>> {
    requireBatches(batches);
    const expected: tf.Tensor[] = [];
    for (const batch of batches) {
      expected.push(tf.tidy(() => model.forward(model.float, model.parameters, batch)));
      await yieldToEvents();
    }
    return new OutputError(model, batches, expected);
  }

  /** @throws SdqError `bad-value` when the logits are not finite: names the first site */
  async under(plan: ResolvedPlan, grids: ReadonlyMap<Site, AffineGrid>): Promise<LogitChange> {
    const { float, parameters } = this.model;
    const sums = { moved: 0, whole: 0, changed: 0, rows: 0 };
    for (const [i, batch] of this.batches.entries()) {
      tf.tidy(() => {
        const ops = new FakeQuantizedOps(float, plan, { grids: new Map(grids) });
        const expected = this.expected[i]!;
        const logits = this.model.forward(ops, parameters, batch);
        sums.moved += logits.sub(expected).square().sum().dataSync()[0]!;
        sums.whole += expected.square().sum().dataSync()[0]!;
        sums.changed += tf.notEqual(logits.argMax(-1), expected.argMax(-1)).sum().dataSync()[0]!;
        sums.rows += expected.size / expected.shape.at(-1)!;
      });
      await yieldToEvents();
    }
    if (!Number.isFinite(sums.moved) || !Number.isFinite(sums.whole)) {
      const [first] = plan;
      throw new SdqError('bad-value', `With "${first?.[0]}" quantized the logits are not finite.`);
    }
    return {
      error: sums.whole > 0 ? sums.moved / sums.whole : sums.moved,
      changed: sums.changed / sums.rows,
    };
  }

  /** Disposes the logits that it keeps. */
  dispose(): void {
    tf.dispose(this.expected as tf.Tensor[]);
  }
}

/** @throws SdqError `empty-data` without batches to measure on */
export function requireBatches(batches: readonly unknown[]): void {
  if (batches.length > 0) return;
  throw new SdqError('empty-data', 'There are no batches to measure on: give at least one batch of text.');
}
