import { SdqError } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';

/** The error for NaN or infinity among values that a grid should hold. */
export function notFinite(site: string | undefined): SdqError {
  const place = site === undefined ? 'A tensor' : `The tensor at "${site}"`;
  return new SdqError(
    'bad-value',
    `${place} holds NaN or infinity: lower the learning rate or check the data.`,
  );
}

/** Throws unless every element is finite; reads one number back, and runs outside of the tape. */
export function requireFinite(x: Tensor, site: string | undefined): void {
  // A sum over nothing is anything on wasm.
  if (x.size === 0) return;
  const probe = x.mul(0).sum();
  const [sum] = probe.dataSync();
  probe.dispose();
  if (sum !== 0) throw notFinite(site);
}
