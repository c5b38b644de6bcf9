import {
  type Batch,
  type Classifier,
  type EncodedExample,
  groupByTokens,
  type HeadKind,
  packBatch,
} from '@sdq/models';
import type { DevSet } from '@sdq/pipeline';
import { type ExternalClassifier, logitsOfBatch } from '@sdq/serve';

const TOKENS_PER_BATCH = 1024;

/** How far the answers of two versions of a model lie apart. */
export interface Agreement {
  /** Predictions compared: a text's label, a word's tag, or the start or end of an answer. */
  readonly predictions: number;
  /** How many of them differ. */
  readonly different: number;
  /** The largest and the mean absolute difference of logits. */
  readonly largestDifference: number;
  readonly meanDifference: number;
  /**
   * The largest gap, in logits of the reference, between its own choice and that of the other, over the predictions that
   * differ; 0 where none does. A small one says that each was a near tie.
   */
  readonly widestGap: number;
}

/** Adds up {@link Agreement}. */
export class AgreementCounter {
  private predictions = 0;
  private different = 0;
  private largest = 0;
  private sum = 0;
  private count = 0;
  private widest = 0;

  /** One prediction: the logits of its classes under the reference and the other version. */
  add(reference: ArrayLike<number>, other: ArrayLike<number>): void {
    const [own, theirs] = [argMax(reference), argMax(other)];
    this.predictions += 1;
    if (own !== theirs) {
      this.different += 1;
      this.widest = Math.max(this.widest, reference[own]! - reference[theirs]!);
    }
    for (let i = 0; i < reference.length; i++) {
      const difference = Math.abs(reference[i]! - other[i]!);
      // A number that is none differs without end.
      this.largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(this.largest, difference);
      this.sum += difference;
      this.count += 1;
    }
  }

  /** Takes in what another counter has. */
  merge(other: AgreementCounter): void {
    this.predictions += other.predictions;
    this.different += other.different;
    this.largest = Math.max(this.largest, other.largest);
    this.sum += other.sum;
    this.count += other.count;
    this.widest = Math.max(this.widest, other.widest);
  }

  result(): Agreement {
    const { predictions, different, largest, sum, count, widest } = this;
    return {
      predictions,
      different,
      largestDifference: largest,
      meanDifference: count === 0 ? 0 : sum / count,
      widestGap: widest,
    };
  }
}

type AnyClassifier = Classifier | ExternalClassifier;

/** Compares two versions of a model on a dev set. */
export async function compareOn(
  set: DevSet,
  kind: HeadKind,
  reference: AnyClassifier,
  other: AnyClassifier,
): Promise<AgreementCounter> {
  const counter = new AgreementCounter();
  for (const { encoded } of set.chunks()) {
    const lengths = encoded.map(({ ids }) => ids.length);
    for (const group of groupByTokens(lengths, TOKENS_PER_BATCH)) {
      const batch = packBatch(encoded, group);
      const [own, theirs] = [await logitsOfBatch(reference, batch), await logitsOfBatch(other, batch)];
      for (const pick of rowsOf(batch, kind, encoded)) counter.add(pick(own), pick(theirs));
    }
  }
  return counter;
}

type Logits = Awaited<ReturnType<typeof logitsOfBatch>>;

/** For each prediction of a batch, what picks the logits of its classes. */
function rowsOf(
  { offsets, examples }: Batch,
  kind: HeadKind,
  encoded: readonly EncodedExample[],
): ((logits: Logits) => Float32Array)[] {
  const row =
    (at: number) =>
    ({ columns, values }: Logits) =>
      values.subarray(at * columns, (at + 1) * columns);
  if (kind === 'sequence-classification') return examples.map((_, i) => row(i));
  if (kind === 'token-classification') {
    return examples.flatMap((example, i) =>
      [...(encoded[example]!.firstPiece ?? [])].filter((at) => at >= 0).map((at) => row(offsets[i]! + at)),
    );
  }
  // The start and the end of an answer are choices among the tokens.
  return examples.flatMap((_, i) =>
    [0, 1].map(
      (column) =>
        ({ values }: Logits) =>
          Float32Array.from(
            { length: offsets[i + 1]! - offsets[i]! },
            (_, at) => values[2 * (offsets[i]! + at) + column]!,
          ),
    ),
  );
}

function argMax(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
  return best;
}
