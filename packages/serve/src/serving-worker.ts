import { workerData } from 'node:worker_threads';
import { SdqError, type SdqErrorCode } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { answerTexts, type TextInput, type TextResult } from './answer-texts.ts';
import { type LoadedClassifier, loadClassifier } from './load-classifier.ts';

/** What a worker of `loadEncoder` is told. */
export interface ServingWorkerData {
  readonly folder: string;
  /** The address of a module to import first, which sets the tensor backend. */
  readonly setup?: string | undefined;
}

/** What a worker answers; errors are data, since they lose their class on the way between threads. */
export type ServingReply =
  | { readonly results: TextResult[] }
  | { readonly code: SdqErrorCode | undefined; readonly message: string };

let loaded: Promise<LoadedClassifier> | undefined;

/** What the model says of a batch of texts. */
export default async function serve(inputs: readonly TextInput[]): Promise<ServingReply> {
  try {
    loaded ??= load(workerData as ServingWorkerData);
    return { results: await answerTexts(await loaded, inputs) };
  } catch (error) {
    return { code: error instanceof SdqError ? error.code : undefined, message: (error as Error).message };
  }
}

async function load({ folder, setup }: ServingWorkerData): Promise<LoadedClassifier> {
  // Production mode leaves out tfjs's checks of every tensor.
  tf.enableProdMode();
  if (setup !== undefined) await import(setup);
  return loadClassifier(folder);
}
