import { methodNamed, takesLosses } from '@sdq/core/results';
import { LOSS_NAMES } from '@sdq/distillation';
import { type RunConfig, resolveRunConfig } from './run-config.ts';

/** The groups of options whose defaults are compared. */
type Group = 'finetune' | 'quantized' | 'noise' | 'products' | 'distillation';

/** What a group of options is for that other groups are for too: `--tokens-per-batch` sets both. */
const SHARED = 'tokensPerBatch';

/**
 * A sentence for options that a run was given and that change nothing in it, since no method or loss of it reads them.
 * Options at their defaults count as not given.
 */
export function unusedOptions(config: RunConfig): string[] {
  const { task, data, out, model, methods } = config;
  const defaults = resolveRunConfig({ task, data, out, model });
  const given = (group: Group): string[] => {
    const [own, usual] = [config[group], defaults[group]] as Record<string, unknown>[];
    return Object.keys(own!)
      .filter((key) => key !== SHARED && JSON.stringify(own![key]) !== JSON.stringify(usual![key]))
      .map((key) => `${group}.${key}`);
  };
  const sentences: string[] = [];
  const unused = (options: readonly string[], reason: string) => {
    if (options.length === 0) return;
    const verb = options.length > 1 ? 'have' : 'has';
    sentences.push(`${options.join(', ')} ${verb} no effect in this run: ${reason}.`);
  };
  const asked = methods.map(methodNamed);
  const distillation = given('distillation');
  if (config.teacher !== undefined) unused(given('finetune'), 'its teacher is given');
  if (asked.every(({ weights }) => weights === 'none')) {
    unused(given('quantized'), 'no method trains a student');
  }
  if (!asked.some(({ weights }) => weights === 'noise')) {
    unused(given('noise'), 'no method is qnat or qnat-sdq');
  }
  if (!asked.some(({ weights }) => weights === 'products')) {
    unused(given('products'), 'no method is ipq or ipq-sdq');
  }
  if (!asked.some(({ distils }) => distils)) {
    unused([...(config.teacherCache ? ['teacherCache'] : []), ...distillation], 'no method distils');
    return sentences;
  }
  if (config.distillation.losses && !asked.some(takesLosses)) {
    unused(['distillation.losses'], 'sdq-mse has losses of its own');
  }
  const losses = [
    ...new Set(asked.flatMap(({ distils }) => Object.keys(distils?.(config.distillation) ?? {}))),
  ];
  for (const [option, reads] of Object.entries(READS)) {
    const path = `distillation.${option}`;
    if (!distillation.includes(path)) continue;
    if (losses.some((loss) => !LOSS_NAMES.includes(loss) || reads(loss))) continue;
    unused([path], `of its losses (${losses.join(', ')}) none reads it`);
  }
  return sentences;
}

/** Which of sdq's own losses read an option; those of plug-ins may read each. */
const READS: Readonly<Record<string, (loss: string) => boolean>> = {
  temperature: (loss) => loss === 'logit-kl',
  layers: (loss) => loss !== 'logit-kl',
  relationHeads: (loss) => loss === 'minilm-relations',
};
