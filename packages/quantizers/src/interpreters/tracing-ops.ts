import type { EncoderOps, Layout, Site, TapPoint } from '@sdq/core';
import type { Tensor } from '@tensorflow/tfjs';
import { WrappedOps } from './wrapped-ops.ts';

/** Linears that read one tensor, and where that tensor comes from. */
export interface SharedInput {
  /** In the order in which they run. */
  readonly sites: Site[];
  /** The LayerNorm that made the tensor, when nothing but these linears reads what it made. */
  readonly layerNorm: Site | undefined;
}

/** Runs an encoder and finds which linears share their input, and which LayerNorms feed linears alone. */
export class TracingOps extends WrappedOps {
  private readonly inputs = new Map<Tensor, Site[]>();
  private readonly makers = new Map<Tensor, Site>();
  private readonly readElsewhere = new Set<Site>();

  /** What was found, in the order of the pass. */
  shared(): SharedInput[] {
    return [...this.inputs].map(([x, sites]) => {
      const maker = this.makers.get(x);
      return { sites, layerNorm: maker !== undefined && !this.readElsewhere.has(maker) ? maker : undefined };
    });
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    const sites = this.inputs.get(x);
    if (sites) sites.push(site);
    else this.inputs.set(x, [site]);
    return super.linear(site, x, weight, bias);
  }

  override layerNorm(site: Site, x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
    this.reads(x);
    const normed = super.layerNorm(site, x, gamma, beta, epsilon);
    this.makers.set(normed, site);
    return normed;
  }

  override attention(site: Site, q: Tensor, k: Tensor, v: Tensor, layout: Layout, heads: number): Tensor {
    for (const x of [q, k, v]) this.reads(x);
    return super.attention(site, q, k, v, layout, heads);
  }

  override gelu(x: Tensor): Tensor {
    this.reads(x);
    return super.gelu(x);
  }

  override tanh(x: Tensor): Tensor {
    this.reads(x);
    return super.tanh(x);
  }

  override add(a: Tensor, b: Tensor): Tensor {
    this.reads(a);
    this.reads(b);
    return super.add(a, b);
  }

  override firstTokens(x: Tensor, layout: Layout): Tensor {
    this.reads(x);
    return super.firstTokens(x, layout);
  }

  override dropout(x: Tensor, rate: number): Tensor {
    return this.handedOn(x, super.dropout(x, rate));
  }

  override tap(point: TapPoint, x: Tensor): Tensor {
    return this.handedOn(x, super.tap(point, x));
  }

  private reads(x: Tensor): void {
    const maker = this.makers.get(x);
    if (maker !== undefined) this.readElsewhere.add(maker);
  }

  private handedOn(x: Tensor, result: Tensor): Tensor {
    const maker = this.makers.get(x);
    if (maker !== undefined) this.makers.set(result, maker);
    return result;
  }
}

/** Lets a function see the input of each linear before it runs. */
export class ListeningOps extends WrappedOps {
  constructor(
    inner: EncoderOps<Tensor>,
    private readonly listen: (site: Site, x: Tensor) => void,
  ) {
    super(inner);
  }

  override linear(site: Site, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
    this.listen(site, x);
    return super.linear(site, x, weight, bias);
  }
}
