import type { EncoderOps, FindParameter } from '@sdq/core';

/** The linear at a site, with the weight and bias of its name. */
export function linear<T>(ops: EncoderOps<T>, find: FindParameter<T>, site: string, x: T): T {
  return ops.linear(site, x, find(`${site}.weight`), find(`${site}.bias`));
}
