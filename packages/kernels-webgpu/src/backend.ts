/// <reference types="@webgpu/types" />
import { SdqError } from '@sdq/core';
import { notFinite } from '@sdq/kernels';
import type * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { GpuHost } from './node-gpu.ts';

/** The name of the backend in tfjs. */
export const BACKEND = 'sdq-webgpu';

/** How many sites can be told apart when values are not finite; those beyond share the last place. */
const MAX_SITES = 4096;

/** What is used of tfjs's backend beyond its public face; the package's version is pinned for it. */
interface Internals {
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  commandQueueOwnedIds: WeakSet<object>;
  uniformPendingDisposal: GPUBuffer[];
  dispatchCountInPass: number;
}

/** A tensor's place on the GPU, and what a kernel wants to do with it. */
export interface Binding {
  readonly info: tf.TensorInfo;
  readonly access: 'read' | 'write';
}

/**
 * tfjs's WebGPU backend with synchronous reading in Node, kernels of several outputs, and typed errors.
 *
 * A GPU works asynchronously: NaN and infinity that a kernel meets, a lost device and exhausted memory are thrown by the
 * next read of a tensor that is not on the host yet.
 */
export class SdqWebGpuBackend extends WebGPUBackend {
  readonly packedDotProducts: boolean;
  private readonly host: GpuHost;
  private readonly pipelines = new Map<string, GPUComputePipeline>();
  private readonly slots = new Map<string, number>();
  private readonly sites: (string | undefined)[] = [];
  private readonly flags: tf.TensorInfo;
  /** Bound for tensors without elements; a buffer cannot be read and written at once. */
  private readonly empty: Readonly<Record<Binding['access'], GPUBuffer>>;
  private flagsInUse = false;
  private failure: SdqError | undefined;
  private deviceLost = false;
  private disposing = false;

  constructor(host: GpuHost, device: GPUDevice, info: GPUAdapterInfo) {
    super(device, info);
    this.host = host;
    this.packedDotProducts = host.gpu.wgslLanguageFeatures?.has('packed_4x8_integer_dot_product') ?? false;
    this.flags = this.makeTensorInfo([MAX_SITES], 'int32', new Int32Array(MAX_SITES));
    const empty = () => device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
    this.empty = { read: empty(), write: empty() };
    this.boundAllocations();
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.failure ??= uncaptured(error);
    });
    void device.lost.then(({ reason, message }) => {
      if (this.disposing) return;
      this.deviceLost = true;
      this.failure = lost(`${reason}${message ? `: ${message}` : ''}`);
    });
  }

  /** The flags' tensor, and the place in it where a kernel notes that values of `site` are not finite. */
  finiteCheck(site: string | undefined): { flags: tf.TensorInfo; slot: number } {
    const name = site ?? '';
    let slot = this.slots.get(name);
    if (slot === undefined) {
      slot = Math.min(this.slots.size, MAX_SITES - 1);
      this.slots.set(name, slot);
      this.sites[slot] = slot === this.slots.size - 1 ? site : undefined;
    }
    this.flagsInUse = true;
    return { flags: this.flags, slot };
  }

  /** Queues one kernel; tensors that it writes must be new, or nobody else's. */
  dispatch(
    key: string,
    code: () => string,
    bindings: readonly Binding[],
    parameters: ArrayBuffer,
    groups: number,
  ): void {
    if (groups === 0) return;
    const own = this as unknown as Internals;
    const buffers = bindings.map(({ info, access }) => {
      const data = this.tensorMap.get(info.dataId);
      if (info.shape.includes(0)) return this.empty[access];
      this.uploadToGPU(info.dataId);
      // What the host knows of it is about to be wrong.
      if (access === 'write') data.values = null as unknown as tf.backend_util.BackendValues;
      own.commandQueueOwnedIds.add(info.dataId);
      return data.resource as GPUBuffer;
    });
    const uniforms = this.bufferManager.acquireBuffer(
      parameters.byteLength,
      GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM,
    );
    this.queue.writeBuffer(uniforms, 0, parameters);
    own.uniformPendingDisposal.push(uniforms);
    const pipeline = this.pipeline(key, code, bindings);
    const group = this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [...buffers, uniforms].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    this.ensureCommandEncoderReady();
    own.computePassEncoder ??= own.commandEncoder!.beginComputePass();
    own.computePassEncoder.setPipeline(pipeline);
    own.computePassEncoder.setBindGroup(0, group);
    const widest = this.device.limits.maxComputeWorkgroupsPerDimension;
    own.computePassEncoder.dispatchWorkgroups(Math.min(groups, widest), Math.ceil(groups / widest));
    own.dispatchCountInPass++;
    if (own.dispatchCountInPass >= SUBMIT_AFTER) {
      this.endComputePassEncoder();
      this.submitQueue();
    }
  }

  private pipeline(key: string, code: () => string, bindings: readonly Binding[]): GPUComputePipeline {
    const known = this.pipelines.get(key);
    if (known) return known;
    const types = bindings.map(
      ({ access }): GPUBufferBindingType => (access === 'read' ? 'read-only-storage' : 'storage'),
    );
    // Stated rather than derived from the code: a kernel need not touch each of its inputs.
    const layout = this.device.createBindGroupLayout({
      entries: [...types, 'uniform' as const].map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    const pipeline = this.device.createComputePipeline({
      label: key,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.device.createShaderModule({ label: key, code: code() }), entryPoint: 'main' },
    });
    this.pipelines.set(key, pipeline);
    return pipeline;
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    if (!this.onGpuOnly(dataId)) return super.readSync(dataId);
    const values = this.download(dataId);
    this.throwWhatFailed(this.flagsInUse ? (this.download(this.flags.dataId) as Int32Array) : undefined);
    this.tensorMap.get(dataId).values = values;
    return values;
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    if (!this.onGpuOnly(dataId)) return super.read(dataId);
    let [values, flags]: (tf.backend_util.BackendValues | undefined)[] = [];
    try {
      values = await super.read(dataId);
      if (this.flagsInUse) {
        flags = await super.read(this.flags.dataId);
        this.forget(this.flags.dataId);
      }
    } catch (cause) {
      this.throwWhatFailed();
      throw lost('reading failed', cause);
    }
    this.throwWhatFailed(flags as Int32Array | undefined);
    return values;
  }

  /** By tfjs's own reading; in Node it waits as `start` does. */
  override getBufferData(buffer: GPUBuffer): Promise<ArrayBuffer> {
    return this.host.start(() => super.getBufferData(buffer));
  }

  override dispose(): void {
    this.disposing = true;
    super.dispose();
  }

  private onGpuOnly(dataId: object): boolean {
    const data = this.tensorMap.get(dataId);
    return data !== undefined && data.values == null && data.resource != null && data.dtype !== 'complex64';
  }

  private forget(dataId: object): void {
    this.tensorMap.get(dataId).values = null as unknown as tf.backend_util.BackendValues;
  }

  /** The values of a tensor, without keeping them. */
  private download(dataId: object): tf.backend_util.BackendValues {
    const { poll } = this.host;
    if (!poll) {
      // Browsers can read synchronously by way of a canvas only.
      const values = super.readSync(dataId);
      this.forget(dataId);
      return values;
    }
    const { resource, dtype } = this.tensorMap.get(dataId);
    const source = resource as GPUBuffer;
    const own = this as unknown as Internals;
    const staging = this.bufferManager.acquireBuffer(
      source.size,
      GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    );
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    own.commandEncoder!.copyBufferToBuffer(source, 0, staging, 0, source.size);
    this.submitQueue();
    let failure: unknown;
    const mapped = this.host.start(() => staging.mapAsync(GPUMapMode.READ));
    mapped.catch((cause: unknown) => {
      failure = cause;
    });
    while (staging.mapState === 'pending') poll();
    if (staging.mapState !== 'mapped') {
      this.throwWhatFailed();
      throw lost('reading failed', failure);
    }
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    this.bufferManager.releaseBuffer(staging);
    if (dtype === 'float32') return new Float32Array(bytes);
    const integers = new Int32Array(bytes);
    return dtype === 'bool' ? Uint8Array.from(integers) : integers;
  }

  private throwWhatFailed(flags?: Int32Array): void {
    const { failure } = this;
    // A lost device stays so; from all else the next command may recover.
    if (!this.deviceLost) this.failure = undefined;
    if (failure) throw failure;
    if (!flags) return;
    this.flagsInUse = false;
    const slot = flags.findIndex((flag) => flag !== 0);
    if (slot < 0) return;
    this.queue.writeBuffer(
      this.tensorMap.get(this.flags.dataId).resource as GPUBuffer,
      0,
      new Int32Array(MAX_SITES),
    );
    throw notFinite(this.sites[slot]);
  }

  /** Says in a sentence when a tensor is larger than the adapter allows, rather than make a buffer that holds nothing. */
  private boundAllocations(): void {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    const acquire = this.bufferManager.acquireBuffer.bind(this.bufferManager);
    this.bufferManager.acquireBuffer = (size, usage, mapped, reuse) => {
      if (this.deviceLost) throw this.failure;
      if (size > largest) {
        throw new SdqError(
          'unavailable',
          `A tensor of ${size} bytes is larger than the ${largest} that this GPU binds: lower the tokens per batch, or use another backend.`,
        );
      }
      try {
        // An empty buffer cannot be bound.
        return acquire(Math.max(4, size), usage, mapped, reuse);
      } catch (cause) {
        throw outOfMemory(cause);
      }
    };
  }
}

/** As many kernels as tfjs's own default gathers before it hands them to the GPU. */
const SUBMIT_AFTER = 15;

function uncaptured(error: GPUError): SdqError {
  if (error instanceof GPUOutOfMemoryError) return outOfMemory(error);
  return new SdqError('unavailable', `WebGPU refuses a command: ${error.message.split('\n')[0]}`, {
    cause: error,
  });
}

function outOfMemory(cause: unknown): SdqError {
  return new SdqError(
    'unavailable',
    'The GPU is out of memory: lower the tokens per batch, or use another backend.',
    { cause },
  );
}

function lost(reason: string, cause?: unknown): SdqError {
  return new SdqError(
    'unavailable',
    `The WebGPU device was lost (${reason}): start again, with fewer tokens per batch if it happens again.`,
    { cause },
  );
}
