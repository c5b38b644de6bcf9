/** The smallest buffer, in bytes: below, a pool costs more than it saves. */
const SMALLEST = 1024;

/** What the pool may hold on to beyond the most that was ever in use, as a share of that. */
const SLACK = 0.25;

/**
 * Lends arrays and takes them back, since fresh memory costs a page fault for each 4 KiB.
 *
 * Buffers come in eight sizes an octave, so that batches of varying length share them. What lies idle is bounded:
 * in use and idle together never exceed 1.25 times the most that was in use at a time.
 */
export class BufferPool {
  // By size; a size that was used moves to the end, so the first is the one unused for longest.
  private readonly idle = new Map<number, ArrayBuffer[]>();
  private readonly lent = new WeakSet<object>();
  private idleBytes = 0;
  private lentBytes = 0;
  private mostLent = 0;

  /** An array of `length` floats, of any content. */
  take(length: number): Float32Array {
    const size = roundUp(length * Float32Array.BYTES_PER_ELEMENT);
    const buffers = this.idle.get(size);
    let buffer = buffers?.pop();
    if (buffers) this.touch(size, buffers);
    if (buffer) this.idleBytes -= size;
    else buffer = new ArrayBuffer(size);
    this.lentBytes += size;
    this.mostLent = Math.max(this.mostLent, this.lentBytes);
    this.shrink();
    const array = new Float32Array(buffer, 0, length);
    this.lent.add(array);
    return array;
  }

  /** Takes an array back, which nobody may use any more. */
  give(array: Float32Array): void {
    if (!this.lent.delete(array)) return;
    const buffer = array.buffer as ArrayBuffer;
    const size = buffer.byteLength;
    this.lentBytes -= size;
    this.idleBytes += size;
    const buffers = this.idle.get(size) ?? [];
    buffers.push(buffer);
    this.touch(size, buffers);
    this.shrink();
  }

  /** Whether an array is on loan from this pool. */
  owns(array: unknown): boolean {
    return typeof array === 'object' && array !== null && this.lent.has(array);
  }

  /** The bytes lent and idle. */
  get bytes(): { readonly lent: number; readonly idle: number } {
    return { lent: this.lentBytes, idle: this.idleBytes };
  }

  private touch(size: number, buffers: ArrayBuffer[]): void {
    this.idle.delete(size);
    this.idle.set(size, buffers);
  }

  private shrink(): void {
    for (const [size, buffers] of this.idle) {
      while (buffers.length > 0) {
        if (this.lentBytes + this.idleBytes <= this.mostLent * (1 + SLACK)) return;
        buffers.pop();
        this.idleBytes -= size;
      }
      this.idle.delete(size);
    }
  }
}

function roundUp(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
