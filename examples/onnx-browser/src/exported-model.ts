import { SdqError } from '@sdq/core';
import {
  type Encoding,
  type Head,
  maxSequenceLength,
  parseConfig,
  parseTokenizer,
  type Tokenizer,
} from '@sdq/models';
import * as ort from 'onnxruntime-web/wasm';
import { download, downloadJson } from './download.ts';
import type { Answer, Loaded, Question } from './messages.ts';
import { splitWords } from './split-words.ts';

/** What `sdq predict` takes of a text, in tokens. */
const MAX_LENGTH = 512;
const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'];
/** How often a text is run: the time is the median. */
const TIMES = 5;

ort.env.wasm.wasmPaths = '/runtime/';
// More threads than cores, or one where the page may not have them, are of no use.
ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;

/** A model that `sdq export` wrote, under onnxruntime-web. */
export class ExportedModel {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly tokenizer: Tokenizer,
    private readonly head: Head,
    private readonly maxLength: number,
    readonly loaded: Loaded,
  ) {}

  /** @param onBytes - told how much of the model is downloaded */
  static async load(folder: string, onBytes: (bytes: number, of: number) => void): Promise<ExportedModel> {
    const [config, tokenizer] = await Promise.all([
      downloadJson(`${folder}/config.json`),
      downloadJson(`${folder}/tokenizer.json`),
    ]);
    const parsed = parseConfig(config.json, 'config.json');
    const { head } = parsed;
    if (head === undefined || head.kind === 'question-answering')
      throw new SdqError(
        'bad-checkpoint',
        'this page shows labels of texts and of words, and the model has none.',
      );
    const weights = await download(`${folder}/model.onnx`, onBytes);
    const session = await openSession(weights);
    const unknown = session.inputNames.find((name) => !INPUTS.includes(name));
    if (unknown !== undefined)
      throw new SdqError('bad-checkpoint', `model.onnx asks for an input "${unknown}", which no export has.`);
    return new ExportedModel(
      session,
      parseTokenizer(tokenizer.json, 'tokenizer.json'),
      head,
      Math.min(MAX_LENGTH, maxSequenceLength(parsed.config)),
      {
        labels: head.labels,
        tagsWords: head.kind === 'token-classification',
        modelBytes: weights.length,
        tokenizerBytes: tokenizer.bytes,
        threads: ort.env.wasm.numThreads ?? 1,
      },
    );
  }

  /** What the model says of a text, or of each of its words. */
  async answer({ text, pair }: Question): Promise<Answer> {
    const words = this.loaded.tagsWords ? splitWords(text) : [''];
    const encoding = this.loaded.tagsWords
      ? this.tokenizer.encodeWords(words, this.maxLength)
      : { ...this.tokenizer.encodeTyped(text, pair || undefined, this.maxLength), firstPiece: [0] };
    const times: number[] = [];
    let logits: Float32Array = new Float32Array();
    for (let i = 0; i < TIMES; i++) {
      const started = performance.now();
      logits = await this.run(encoding);
      times.push(performance.now() - started);
    }
    const { labels } = this.head;
    const decisions = Array.from(encoding.firstPiece, (row, i) => {
      if (row < 0) return { word: words[i]!, label: '', probability: 0 };
      const { index, probability } = mostProbable(
        logits.subarray(row * labels.length, (row + 1) * labels.length),
      );
      return { word: words[i]!, label: labels[index]!, probability };
    });
    return { decisions, milliseconds: times.sort((a, b) => a - b)[Math.floor(TIMES / 2)]! };
  }

  /** The logits [1, labels], or [tokens, labels]. */
  private async run({ ids, tokenTypes }: Encoding): Promise<Float32Array> {
    const inputs: Record<string, Int32Array> = {
      input_ids: ids,
      attention_mask: new Int32Array(ids.length).fill(1),
      token_type_ids: tokenTypes,
    };
    const feeds = Object.fromEntries(
      this.session.inputNames.map((name) => [
        name,
        new ort.Tensor('int64', BigInt64Array.from(inputs[name]!, BigInt), [1, ids.length]),
      ]),
    );
    const { logits } = await this.session.run(feeds);
    return logits!.data as Float32Array;
  }
}

async function openSession(weights: Uint8Array): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(weights, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SdqError('bad-checkpoint', `onnxruntime cannot load model.onnx (${message}).`, { cause });
  }
}

function mostProbable(logits: Float32Array): { index: number; probability: number } {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, x) => total + Math.exp(x - largest), 0);
  return { index: logits.indexOf(largest), probability: 1 / sum };
}
