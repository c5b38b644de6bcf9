import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { type EncoderBatch, type EncoderConfig, type Head, readConfig } from '@sdq/models';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { QUANTIZED_FILE, WHOLE_FILE } from './export-files.ts';
import { padBatch, unpadRows } from './padding.ts';

/** Rows of numbers. */
export interface Rows {
  readonly shape: readonly [rows: number, columns: number];
  readonly data: Float32Array;
}

/** How {@link OnnxSession} runs. */
export interface OnnxSessionOptions {
  /** The file to run (default: `onnx/model_quantized.onnx`, else `onnx/model.onnx`). */
  readonly file?: string | undefined;
  /** Threads of onnxruntime (default: as many as it finds cores). */
  readonly threads?: number | undefined;
}

/**
 * An exported model under onnxruntime-node, which must be installed beside this package.
 *
 * @example
 * ```ts
 * import { loadTokenizer, packEncodings } from '@sdq/models';
 * import { OnnxSession } from '@sdq/onnx';
 *
 * async function logits(folder: string, texts: string[]) {
 *   const tokenizer = await loadTokenizer(folder);
 *   const session = await OnnxSession.open(folder);
 *   const batch = packEncodings(texts.map((text) => tokenizer.encodeTyped(text, undefined, 128)));
 *   return session.logits(batch); // [texts, labels] for a sequence head
 * }
 * ```
 */
export class OnnxSession {
  private constructor(
    readonly config: EncoderConfig,
    readonly head: Head,
    private readonly session: InferenceSession,
    private readonly makeTensor: typeof Tensor,
  ) {}

  /**
   * Opens a folder in the layout of transformers.js: config.json, and the model under `onnx/`.
   *
   * @throws SdqError 'unavailable' when onnxruntime-node is not installed, 'path-not-found', or 'bad-checkpoint' when
   * onnxruntime cannot read the file or the model has no head
   */
  static async open(folder: string, options: OnnxSessionOptions = {}): Promise<OnnxSession> {
    const { config, head } = await readConfig(folder);
    if (head === undefined)
      throw new SdqError('bad-checkpoint', `${folder}: the model has no head that is known.`);
    const candidates = options.file === undefined ? [QUANTIZED_FILE, WHOLE_FILE] : [options.file];
    const file = candidates.map((name) => join(folder, name)).find(existsSync);
    if (file === undefined)
      throw new SdqError(
        'path-not-found',
        `${folder} has no ${candidates.join(' or ')}: export a model first.`,
      );
    return OnnxSession.openFile(file, config, head, options.threads);
  }

  /**
   * Opens a file that `writeOnnx` wrote.
   *
   * @throws SdqError 'unavailable' when onnxruntime-node is not installed; 'bad-checkpoint' when it cannot read the file
   */
  static async openFile(
    file: string,
    config: EncoderConfig,
    head: Head,
    threads: number | undefined = undefined,
  ): Promise<OnnxSession> {
    const runtime = await loadRuntime();
    try {
      const session = await runtime.InferenceSession.create(file, {
        logSeverityLevel: 3,
        ...(threads !== undefined && { intraOpNumThreads: threads }),
      });
      return new OnnxSession(config, head, session, runtime.Tensor);
    } catch (cause) {
      throw new SdqError('bad-checkpoint', `onnxruntime cannot load ${file}: ${messageOf(cause)}.`, {
        cause,
      });
    }
  }

  /**
   * The logits of packed sequences: [sequences, labels] for a sequence head, [tokens, labels] for a token head,
   * [tokens, 2] (start, end) for question answering.
   */
  async logits(batch: EncoderBatch): Promise<Rows> {
    const padded = padBatch(batch, this.config.padId);
    const feeds: Record<string, Tensor> = {};
    for (const name of this.session.inputNames) {
      const values = padded.inputs.get(name);
      if (values === undefined)
        throw new SdqError('bad-checkpoint', `The model asks for an input "${name}".`);
      feeds[name] = new this.makeTensor('int64', values, [padded.sequences, padded.length]);
    }
    const outputs = await this.session.run(feeds);
    const columns = this.head.kind === 'question-answering' ? ['start_logits', 'end_logits'] : ['logits'];
    const found = columns.map((name) => {
      const output = outputs[name];
      if (output === undefined) throw new SdqError('bad-checkpoint', `The model gives no output "${name}".`);
      return output.data as Float32Array;
    });
    if (this.head.kind === 'sequence-classification') {
      return { shape: [padded.sequences, this.head.labels.length], data: found[0]! };
    }
    return unpadRows(found, batch.offsets, padded.length);
  }

  /** Frees what onnxruntime holds. */
  async close(): Promise<void> {
    await this.session.release();
  }
}

async function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    const runtime = await import('onnxruntime-node');
    // Its warnings about the machine go to standard error; errors are thrown.
    runtime.env.logLevel = 'error';
    return runtime;
  } catch (cause) {
    throw new SdqError(
      'unavailable',
      `Running ONNX models needs the package onnxruntime-node: npm install onnxruntime-node (${messageOf(cause)}).`,
      { cause },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
