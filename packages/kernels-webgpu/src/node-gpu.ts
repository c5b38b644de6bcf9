/// <reference types="@webgpu/types" />
import { SdqError } from '@sdq/core';

/** WebGPU as a process offers it. */
export interface GpuHost {
  readonly gpu: GPU;
  /** Starts what answers by a promise: adapter and device requests, mapping of buffers. */
  start<T>(call: () => Promise<T>): Promise<T>;
  /** Looks once, now, for answers; absent in browsers, where only the event loop does that. */
  poll?(): void;
}

/** The browser's own WebGPU if there is one, else that of the npm package `webgpu`. */
export async function gpuHost(): Promise<GpuHost> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu) return { gpu: navigator.gpu, start: (call) => call() };
  if (!isNode()) {
    throw new SdqError(
      'unavailable',
      'This browser offers no WebGPU: use a current Chrome, Edge, Firefox or Safari, on a page served by https or localhost.',
    );
  }
  return nodeGpu();
}

function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

async function nodeGpu(): Promise<GpuHost> {
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (cause) {
    throw new SdqError(
      'unavailable',
      'WebGPU in Node needs the npm package "webgpu", which is not installed or does not load: run "npm install webgpu@0.6.2".',
      { cause },
    );
  }
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  // Dawn looks for answers in a callback that it gives to the global setImmediate, again and again while a device lives. That
  // callback is caught here, for two ends: tensors can be read synchronously, by calling it until the buffer is mapped,
  // and a device that idles neither spins nor keeps the process alive.
  let look: (() => void) | undefined;
  let waiting = 0;
  const catching = <T>(call: () => T): T => {
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((callback: () => void) => {
      look = callback;
    }) as unknown as typeof setImmediate;
    try {
      return call();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  };
  const poll = () => {
    const current = look;
    look = undefined;
    if (current) catching(current);
  };
  const keepPolling = () => {
    if (waiting === 0) return;
    poll();
    setImmediate(keepPolling);
  };
  return {
    gpu: dawn.create([]),
    poll,
    async start(call) {
      const answer = catching(call);
      if (waiting++ === 0) setImmediate(keepPolling);
      try {
        return await answer;
      } finally {
        waiting--;
      }
    },
  };
}
