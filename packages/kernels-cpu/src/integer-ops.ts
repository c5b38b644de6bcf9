import { type EncoderOps, type Layout, SdqError, type Site, type TapPoint } from '@sdq/core';

/** A value of a recording: step number s is s, parameter number p is -1 - p. */
export type Slot = number;

/** One recorded operation. */
export interface Recorded {
  readonly op: 'embed' | 'linear' | 'attention' | 'layerNorm' | 'gelu' | 'tanh' | 'add' | 'firstTokens';
  /** The site, empty where the operation has none. */
  readonly site: Site;
  readonly inputs: readonly Slot[];
  /** The epsilon of a layerNorm, the heads of an attention, the number of an embed's indices; else 0. */
  readonly setting: number;
}

/**
 * Records the operations of a forward pass instead of computing them, with the integers that they run on.
 *
 * Dropout and taps hand their input through: a finished model neither trains nor is listened to.
 */
export class IntegerOps implements EncoderOps<Slot> {
  readonly steps: Recorded[] = [];
  /** The parameters in the order of their first use. */
  readonly parameters: string[] = [];
  /** The indices of each embed. */
  readonly indices: Int32Array[] = [];
  private readonly slots = new Map<string, Slot>();
  private layout: Layout | undefined;

  /** The slot of a parameter. */
  parameter(name: string): Slot {
    let slot = this.slots.get(name);
    if (slot === undefined) {
      slot = -1 - this.parameters.length;
      this.parameters.push(name);
      this.slots.set(name, slot);
    }
    return slot;
  }

  /** The offsets of the sequences; all tokens are one sequence when no operation asked for any. */
  get offsets(): Int32Array {
    return this.layout?.offsets ?? Int32Array.of(0, this.indices[0]?.length ?? 0);
  }

  embed(site: Site, ids: Int32Array, table: Slot): Slot {
    this.indices.push(ids);
    return this.record('embed', site, [table], this.indices.length - 1);
  }

  linear(site: Site, x: Slot, weight: Slot, bias: Slot): Slot {
    return this.record('linear', site, [x, weight, bias]);
  }

  attention(site: Site, q: Slot, k: Slot, v: Slot, layout: Layout, heads: number): Slot {
    this.keep(layout);
    return this.record('attention', site, [q, k, v], heads);
  }

  layerNorm(site: Site, x: Slot, gamma: Slot, beta: Slot, epsilon: number): Slot {
    return this.record('layerNorm', site, [x, gamma, beta], epsilon);
  }

  gelu(x: Slot): Slot {
    return this.record('gelu', '', [x]);
  }

  tanh(x: Slot): Slot {
    return this.record('tanh', '', [x]);
  }

  add(a: Slot, b: Slot): Slot {
    return this.record('add', '', [a, b]);
  }

  dropout(x: Slot): Slot {
    return x;
  }

  firstTokens(x: Slot, layout: Layout): Slot {
    this.keep(layout);
    return this.record('firstTokens', '', [x]);
  }

  tap(_point: TapPoint, x: Slot): Slot {
    return x;
  }

  private record(op: Recorded['op'], site: Site, inputs: readonly Slot[], setting = 0): Slot {
    return this.steps.push({ op, site, inputs, setting }) - 1;
  }

  private keep(layout: Layout): void {
    if (this.layout !== undefined && this.layout.offsets !== layout.offsets) {
      throw new SdqError(
        'bad-data',
        'An integer model runs one layout a pass: use the same offsets throughout.',
      );
    }
    this.layout = layout;
  }
}

/** Whether two recordings are of the same operations. */
export function sameSteps(a: readonly Recorded[], b: readonly Recorded[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ op, site, inputs, setting }, i) => {
      const other = b[i]!;
      return (
        op === other.op &&
        site === other.site &&
        setting === other.setting &&
        inputs.length === other.inputs.length &&
        inputs.every((slot, at) => slot === other.inputs[at])
      );
    })
  );
}
