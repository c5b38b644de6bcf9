import { z } from 'zod';

const weight = z.number().min(0);

/** What a student learns beside its task, and from which layers. */
export const distillationConfig = z.strictObject({
  /** The weight of the task's own cross-entropy. */
  task: weight,
  /** alpha: the weight of the logits' divergence. */
  logits: weight,
  /**
   * beta: the weight of the attention outputs' divergence (Att-KLD) or squared error (Att-MSE). Both are means over
   * layers and heads (144 of them in e5-small), so that a weight of 1 would pull each head hardly at all.
   */
  attention: weight,
  temperature: z.number().positive(),
  /**
   * The losses of the method sdq, by name, in place of the two above: each with its weight, or with a ramp of weights over
   * the training.
   */
  losses: z
    .record(
      z.string(),
      z.union([
        weight,
        z.strictObject({ from: weight, to: weight, until: z.number().positive().max(1).optional() }),
      ]),
    )
    .optional(),
  /** The layers that losses read; each loss has its own default. */
  layers: z.union([z.enum(['all', 'last']), z.array(z.int().min(0)).min(1)]).optional(),
  /** Into how many parts the MiniLM relations divide queries, keys and values; the attention heads if absent. */
  relationHeads: z.int().min(1).optional(),
});

/** What {@link distillationConfig} reads. */
export type DistillationConfig = z.infer<typeof distillationConfig>;
