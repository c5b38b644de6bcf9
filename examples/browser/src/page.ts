import { SdqError } from '@sdq/core';
import { useWebGpu } from '@sdq/kernels-webgpu';
import * as tf from '@tensorflow/tfjs';
import { LanguageModel, type StoredModel } from './language-model.ts';
import type { Sentences } from './sentences.ts';

/** What the build wrote beside the page. */
interface PageData {
  readonly model: StoredModel;
  /** The share of right answers that the model had on the CPU. */
  readonly accuracy: number;
  readonly sentences: Sentences;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const names = new Intl.DisplayNames(['en'], { type: 'language' });

function say(id: string, text: string): void {
  element(id).textContent = text;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

async function score(model: LanguageModel, { test }: Sentences, rounded: boolean): Promise<number> {
  const predicted = await model.predict(test, rounded);
  return predicted.filter((label, i) => label === test[i]!.label).length / test.length;
}

async function start(): Promise<void> {
  tf.enableProdMode();
  const { adapter, software, packedDotProducts } = await useWebGpu();
  const dots = packedDotProducts ? 'with' : 'without';
  say('adapter', `${adapter}${software ? ' (a program on the CPU)' : ''}, ${dots} packed 8-bit dot products`);
  const response = await fetch('data.json');
  if (!response.ok)
    throw new SdqError('io-failed', `data.json cannot be read (${response.status}): build the page again.`);
  const { model: stored, accuracy, sentences } = (await response.json()) as PageData;
  let model = LanguageModel.from(stored);
  const { float, quantized } = model.bytes();
  say('size', `${quantized.toLocaleString('en')} bytes; ${float.toLocaleString('en')} in float32`);
  const started = performance.now();
  const own = await score(model, sentences, true);
  const took = performance.now() - started;
  say(
    'score',
    `${percent(own)} of ${sentences.test.length} sentences right here, ${percent(accuracy)} on the CPU (${took.toFixed(0)} ms)`,
  );
  const guess = async () => {
    const text = element<HTMLInputElement>('text').value;
    if (text.length < 2) return say('language', '');
    const [label] = await model.predict([{ text }], true);
    say('language', names.of(model.head.labels[label!]!) ?? '');
  };
  element('text').addEventListener('input', () => void guess().catch(fail));
  element<HTMLInputElement>('text').disabled = false;
  const button = element<HTMLButtonElement>('train');
  button.addEventListener('click', () => void train().catch(fail));
  button.disabled = false;

  const train = async () => {
    button.disabled = true;
    // On a program that stands in for a GPU a whole training would take minutes.
    const quick = new URLSearchParams(location.search).has('quick');
    const [steps, batch, share] = quick ? [2, 2, 52] : [200, 26, 1];
    const fresh = new LanguageModel(sentences.languages, Date.now() % 2 ** 31, batch);
    const held = { ...sentences, test: sentences.test.filter((_, i) => i % share === 0) };
    const progress = (what: string) => (step: number, loss: number) =>
      say('progress', `${what}: step ${step}, loss ${loss.toFixed(4)}`);
    await fresh.train(sentences.train, steps, progress('float32'));
    const before = await score(fresh, held, false);
    await fresh.quantize(sentences.train.filter((_, i) => i % (8 * share) === 0));
    const rounded = await score(fresh, held, true);
    await fresh.distill(sentences.train, Math.ceil(steps / 10), progress('8 bits, towards float32'));
    const after = await score(fresh, held, true);
    say(
      'trained',
      `${percent(before)} in float32, ${percent(rounded)} rounded to 8 bits, ${percent(after)} distilled`,
    );
    model.dispose();
    model = fresh;
    button.disabled = false;
    await guess();
  };
  document.body.dataset.state = 'ready';
}

function fail(error: unknown): void {
  say('error', error instanceof Error ? error.message : String(error));
  document.body.dataset.state = 'failed';
}

start().catch(fail);
