import type { Reporter } from './reporter.ts';

/** Whether a backend can run here. */
export interface BackendStatus {
  /** `limited`: it is not there, and is not needed; `missing`: what commands need is not there. */
  readonly state: 'ok' | 'limited' | 'missing';
  /** What there is, in a few words. */
  readonly found: string;
  /** What to do about what is lacking. */
  readonly advice?: string;
}

/** What a machine can do at most, measured with all threads: the rates that kernels are compared with. */
export interface BackendPeaks {
  /** 1e9 float32 operations a second from registers; a multiply-add counts as two. */
  readonly f32Gflops: number;
  /** 1e9 operations a second on 8-bit integers from registers; a multiply-add counts as two. */
  readonly int8Gops: number;
  /** 1e9 bytes a second, read and written together, of arrays that no cache holds. */
  readonly memoryGigabytes: number;
}

/** A tensor backend of TensorFlow.js that commands can run on. */
export interface KernelBackend {
  /** What `--backend` calls it. */
  readonly name: string;
  /** The most tokens of a training batch that its memory holds for a small encoder, where that is little. */
  readonly batchTokens?: number;
  /** Looks whether it can run here. */
  available(): BackendStatus | Promise<BackendStatus>;
  /**
   * Makes it the current backend of TensorFlow.js.
   *
   * @throws SdqError 'unavailable' when it cannot run here, with what to do
   */
  activate(reporter: Reporter): Promise<void>;
  /** What it runs on, once it is active: `sdq-cpu (avx2, 4 threads)`. */
  describe(): string;
  /** The names of the kernels of its own, once it is active; the other operations are composed of TensorFlow.js's. */
  kernels(): Promise<readonly string[]>;
  /** Measures what the machine can do at most, where the backend can. */
  peaks?(): Promise<BackendPeaks>;
}
