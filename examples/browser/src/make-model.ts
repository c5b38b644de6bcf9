import { useSdqCpu } from '@sdq/kernels-cpu';
import { LanguageModel, type StoredModel } from './language-model.ts';
import type { Sentences } from './sentences.ts';

/** Trains, rounds and self-distils the page's model on the CPU; gives it with its share of right answers there. */
export async function makeModel({
  languages,
  train,
  test,
}: Sentences): Promise<{ model: StoredModel; accuracy: number }> {
  await useSdqCpu();
  const model = new LanguageModel(languages, 1);
  await model.train(train, 200, () => {});
  await model.quantize(train.filter((_, i) => i % 8 === 0));
  await model.distill(train, 20, () => {});
  const stored = model.stored();
  model.dispose();
  // Scored as the page will score it, from what is stored.
  const loaded = LanguageModel.from(stored);
  const predicted = await loaded.predict(test, true);
  loaded.dispose();
  return {
    model: stored,
    accuracy: predicted.filter((label, i) => label === test[i]!.label).length / test.length,
  };
}
