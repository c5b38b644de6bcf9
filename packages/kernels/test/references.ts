/** What the ops should compute, in float64 and plain loops; matrices are row-major. */

/** [m, n] of x [m, k] and weight [n, k]. */
export function linearReference(k: number) {
  return (x: Float64Array, weight: Float64Array, bias: Float64Array): Float64Array => {
    const n = bias.length;
    const m = x.length / k;
    return Float64Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = bias[j]!;
      for (let l = 0; l < k; l++) sum += x[i * k + l]! * weight[j * k + l]!;
      return sum;
    });
  };
}

/** Values on a grid: rounded in float32 as the ops do, then exact. */
function onGrid(x: ArrayLike<number>, scale: number, low: number, high: number): Float64Array {
  return Float64Array.from(
    x,
    (x) => Math.min(high, Math.max(low, roundHalfEven(Math.fround(x / scale)))) * scale,
  );
}

/** The value and the gradients of the product of x [m, k] on a grid and weight [n, k] on grids of its rows. */
export function quantizedLinearReference(
  [x, weight, bias, dy]: readonly ArrayLike<number>[],
  k: number,
  { scale, low, high, levels }: { scale: number; low: number; high: number; levels: number },
): { value: Float64Array; dx: Float64Array; dWeight: Float64Array; dBias: Float64Array } {
  const n = bias!.length;
  const m = dy!.length / n;
  const xs = onGrid(x!, scale, low, high);
  const weights = Float64Array.from({ length: n }, (_, j) => j).reduce(
    (all, j) => {
      const row = Array.from(weight!).slice(j * k, (j + 1) * k);
      if (levels === 1) {
        all.set(ternaryReference(row), j * k);
        return all;
      }
      const step = Math.fround(Math.max(0, ...row.map(Math.abs)) / levels);
      if (step > 0) all.set(onGrid(row, step, -levels, levels), j * k);
      return all;
    },
    new Float64Array(n * k),
  );
  const dx = new Float64Array(m * k);
  const dWeight = new Float64Array(n * k);
  const dBias = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const slope = dy![i * n + j]!;
      dBias[j]! += slope;
      for (let l = 0; l < k; l++) {
        const step = roundHalfEven(Math.fround(x![i * k + l]! / scale));
        if (step >= low && step <= high) dx[i * k + l]! += slope * weights[j * k + l]!;
        dWeight[j * k + l]! += slope * xs[i * k + l]!;
      }
    }
  }
  return { value: linearReference(k)(xs, weights, Float64Array.from(bias!)), dx, dWeight, dBias };
}

/** Li and Liu 2016, equations 5 and 6. */
function ternaryReference(row: readonly number[]): number[] {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
  const threshold = 0.7 * mean(row);
  const kept = row.filter((value) => Math.abs(value) > threshold);
  const scale = kept.length === 0 ? 0 : mean(kept);
  return row.map((value) => (Math.abs(value) > threshold ? Math.sign(value) * scale : 0));
}

/** The error function: its Taylor series near zero, the continued fraction of its complement far out. */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    let tail = 0;
    for (let k = 200; k > 0; k--) tail = k / 2 / (Math.abs(x) + tail);
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + tail));
  }
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const geluReference = (x: Float64Array): Float64Array =>
  x.map((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)));

export function layerNormReference(epsilon: number) {
  return (x: Float64Array, gamma: Float64Array, beta: Float64Array): Float64Array => {
    const width = gamma.length;
    const out = new Float64Array(x.length);
    for (let start = 0; start < x.length; start += width) {
      const row = x.subarray(start, start + width);
      const mean = sum(row) / width;
      const variance = sum(row.map((value) => (value - mean) ** 2)) / width;
      row.forEach((value, i) => {
        out[start + i] = ((value - mean) / Math.sqrt(variance + epsilon)) * gamma[i]! + beta[i]!;
      });
    }
    return out;
  };
}

function softmaxReference(row: Float64Array): Float64Array {
  const largest = Math.max(...row);
  const powers = row.map((value) => Math.exp(value - largest));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

export function attentionReference(offsets: Int32Array, heads: number, hidden: number) {
  return (q: Float64Array, k: Float64Array, v: Float64Array): Float64Array => {
    const width = hidden / heads;
    const out = new Float64Array(q.length);
    const dot = (a: Float64Array, i: number, b: Float64Array, j: number, head: number) => {
      let total = 0;
      for (let f = head * width; f < (head + 1) * width; f++)
        total += a[i * hidden + f]! * b[j * hidden + f]!;
      return total;
    };
    for (let s = 0; s + 1 < offsets.length; s++) {
      const [start, end] = [offsets[s]!, offsets[s + 1]!];
      for (let head = 0; head < heads; head++) {
        for (let i = start; i < end; i++) {
          const scores = Float64Array.from(
            { length: end - start },
            (_, j) => dot(q, i, k, start + j, head) / Math.sqrt(width),
          );
          const p = softmaxReference(scores);
          for (let f = head * width; f < (head + 1) * width; f++) {
            for (let j = 0; j < p.length; j++) out[i * hidden + f]! += p[j]! * v[(start + j) * hidden + f]!;
          }
        }
      }
    }
    return out;
  };
}

export function crossEntropyReference(labels: Int32Array, ignored: number) {
  return (logits: Float64Array): Float64Array => {
    const classes = logits.length / labels.length;
    const rows = [...labels.keys()].filter((row) => labels[row] !== ignored);
    const losses = rows.map(
      (row) => -Math.log(softmaxReference(logits.slice(row * classes, (row + 1) * classes))[labels[row]!]!),
    );
    return Float64Array.of(rows.length === 0 ? 0 : sum(losses) / rows.length);
  };
}

export function softmaxKlReference(teacher: ArrayLike<number>, classes: number, temperature: number) {
  return (student: Float64Array): Float64Array => {
    let total = 0;
    for (let start = 0; start < student.length; start += classes) {
      const p = softmaxReference(
        Float64Array.from({ length: classes }, (_, i) => teacher[start + i]! / temperature),
      );
      const q = softmaxReference(student.slice(start, start + classes).map((value) => value / temperature));
      p.forEach((p, i) => {
        total += p * Math.log(p / q[i]!);
      });
    }
    return Float64Array.of((total * temperature ** 2 * classes) / student.length);
  };
}

/** The mean over rows of one minus the cosine. */
export function cosineDistanceReference(teacher: ArrayLike<number>, width: number) {
  return (student: Float64Array): Float64Array => {
    let total = 0;
    for (let start = 0; start < student.length; start += width) {
      let [dot, own, other] = [0, 0, 0];
      for (let i = start; i < start + width; i++) {
        dot += teacher[i]! * student[i]!;
        own += student[i]! ** 2;
        other += teacher[i]! ** 2;
      }
      total += 1 - dot / Math.sqrt(own * other);
    }
    return Float64Array.of((total * width) / student.length);
  };
}

/** The sum over heads and token rows of KL between teacher's and student's softmax(q k^T / sqrt(d)). */
export function relationKlReference(
  teacher: readonly [q: ArrayLike<number>, k: ArrayLike<number>],
  offsets: Int32Array,
  heads: number,
) {
  const p = relations(...teacher, offsets, heads);
  return (q: Float64Array, k: Float64Array): Float64Array => {
    const own = relations(q, k, offsets, heads);
    return Float64Array.of(
      sum(p.map((row, i) => sum(row.map((value, j) => value * Math.log(value / own[i]![j]!))))),
    );
  };
}

/** softmax(q k^T / sqrt(d)) by rows, of each head in each sequence. */
function relations(q: ArrayLike<number>, k: ArrayLike<number>, offsets: Int32Array, heads: number) {
  const hidden = q.length / offsets[offsets.length - 1]!;
  const width = hidden / heads;
  const rows: Float64Array[] = [];
  for (let s = 0; s + 1 < offsets.length; s++) {
    const [start, end] = [offsets[s]!, offsets[s + 1]!];
    for (let head = 0; head < heads; head++) {
      for (let i = start; i < end; i++) {
        const scores = new Float64Array(end - start);
        for (let j = start; j < end; j++) {
          for (let f = head * width; f < (head + 1) * width; f++) {
            scores[j - start]! += (q[i * hidden + f]! * k[j * hidden + f]!) / Math.sqrt(width);
          }
        }
        rows.push(softmaxReference(scores));
      }
    }
  }
  return rows;
}

/** Half to even, written by cases. */
export function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** The two distributions of a sequence, over its own tokens: of the start (side 0) or the end (side 1). */
const spanDistribution = (
  logits: ArrayLike<number>,
  from: number,
  to: number,
  side: number,
  temperature = 1,
) =>
  softmaxReference(
    Float64Array.from({ length: to - from }, (_, i) => logits[2 * (from + i) + side]! / temperature),
  );

/** The mean of -log p(start) and -log p(end) over sequences; labels [start, end, start, end, ...]. */
export function spanCrossEntropyReference(offsets: Int32Array, labels: Int32Array) {
  return (logits: Float64Array): Float64Array => {
    let total = 0;
    labels.forEach((label, row) => {
      const at = Math.floor(row / 2);
      total -= Math.log(spanDistribution(logits, offsets[at]!, offsets[at + 1]!, row % 2)[label]!);
    });
    return Float64Array.of(total / labels.length);
  };
}

/** temperature^2 * KL(teacher || student), the mean over the starts and the ends of all sequences. */
export function spanKlReference(teacher: ArrayLike<number>, offsets: Int32Array, temperature: number) {
  return (student: Float64Array): Float64Array => {
    let total = 0;
    for (let row = 0; row < 2 * (offsets.length - 1); row++) {
      const at = Math.floor(row / 2);
      const place = [offsets[at]!, offsets[at + 1]!, row % 2, temperature] as const;
      const q = spanDistribution(student, ...place);
      spanDistribution(teacher, ...place).forEach((p, i) => {
        total += p * Math.log(p / q[i]!);
      });
    }
    return Float64Array.of((temperature ** 2 * total) / (2 * (offsets.length - 1)));
  };
}
