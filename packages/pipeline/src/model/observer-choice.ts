import type { Batch, Classifier, QuantizedModel } from '@sdq/models';
import { quantizedClassifier } from '@sdq/serve';
import { logitDistance, logitsOn } from './finish-check.ts';

/** Which calibration observer set the ranges of activations. */
export type ObserverChoice = 'min-max' | 'percentile';

/** The observer whose model was closest to the fp32 one, and how far each was. */
export interface ObserverRecord {
  readonly chosen: ObserverChoice;
  /** The mean squared difference of logits from the fp32 model's. */
  readonly distances: Readonly<Record<ObserverChoice, number>>;
}

/**
 * Chooses the observer whose quantized model gives logits closest to the fp32 model's on unlabelled English text. A
 * score in English would tell less: it moves by whole examples, and may rise while other languages are lost.
 *
 * @param classify - the fp32 model
 * @param batches - of text that is neither scored nor trained on
 */
export async function chooseObserver(
  classify: Classifier,
  candidates: Readonly<Record<ObserverChoice, QuantizedModel>>,
  batches: readonly Batch[],
): Promise<ObserverRecord> {
  const wanted = await logitsOn(classify, batches);
  const distance = async (candidate: QuantizedModel) => {
    const { classify, dispose } = quantizedClassifier(candidate);
    try {
      return logitDistance(wanted, await logitsOn(classify, batches));
    } finally {
      dispose();
    }
  };
  return observerRecord({
    'min-max': await distance(candidates['min-max']),
    percentile: await distance(candidates.percentile),
  });
}

/** The choice that distances make: the smaller, min-max where they are equal. */
export function observerRecord(distances: ObserverRecord['distances']): ObserverRecord {
  return { chosen: distances.percentile < distances['min-max'] ? 'percentile' : 'min-max', distances };
}
