import type { EncoderOps, Layout, Site, TapPoint } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';

/** Hands every operation to another interpreter: the base of those that change a few. */
export abstract class WrappedOps implements EncoderOps<Tensor> {
  constructor(protected readonly inner: EncoderOps<Tensor>) {}

  embed(site: Site, ids: Int32Array, table: Tensor): Tensor {
    return this.inner.embed(site, ids, table);
  }

  linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    return this.inner.linear(site, x, weight, bias);
  }

  attention(site: Site, q: Tensor, k: Tensor, v: Tensor, layout: Layout, heads: number): Tensor {
    return this.inner.attention(site, q, k, v, layout, heads);
  }

  layerNorm(site: Site, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
    return this.inner.layerNorm(site, x, gamma, beta, epsilon);
  }

  gelu(x: Tensor): Tensor {
    return this.inner.gelu(x);
  }

  tanh(x: Tensor): Tensor {
    return this.inner.tanh(x);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.inner.add(a, b);
  }

  dropout(x: Tensor, rate: number): Tensor {
    return this.inner.dropout(x, rate);
  }

  firstTokens(x: Tensor, layout: Layout): Tensor {
    return this.inner.firstTokens(x, layout);
  }

  tap(point: TapPoint, x: Tensor): Tensor {
    return this.inner.tap(point, x);
  }

  scope(run: () => Tensor): Tensor {
    return this.inner.scope?.(run) ?? run();
  }
}
