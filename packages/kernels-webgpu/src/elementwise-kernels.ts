import { elementwise } from './wgsl-kernel.ts';

// Abramowitz and Stegun 1964, formula 7.1.26: within 1.5e-7 absolute. Beyond 6 it is 1 to float rounding.
const NORMAL = /* wgsl */ `
fn cumulative(x: f32) -> f32 {
  let z = min(abs(x) * 0.70710678118654752, 6.0);
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-z * z);
  return select(0.5 * tail, 1.0 - 0.5 * tail, x >= 0.0);
}
`;

export const GELU = elementwise({
  name: 'gelu',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  declarations: NORMAL,
  // The tail is 0 far out, which the formula is not.
  body: 'y[i] = select(x[i] * cumulative(x[i]), 0.0, x[i] < -8.0);',
});

export const GELU_GRAD = elementwise({
  name: 'geluGrad',
  inputs: { x: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  declarations: NORMAL,
  body: /* wgsl */ `
  let z = clamp(x[i], -12.0, 12.0);
  dx[i] = dy[i] * (cumulative(x[i]) + z * exp(-0.5 * z * z) * 0.39894228040143268);`,
});

/** The mask is that of hash32 of @sdq/core. */
export const DROPOUT = elementwise({
  name: 'dropout',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  parameters: { seed: 'u32', threshold: 'u32', scale: 'f32' },
  declarations: /* wgsl */ `
fn lowbias32(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x21f0aaadu;
  x = (x ^ (x >> 15u)) * 0x735a2d97u;
  return x ^ (x >> 15u);
}
`,
  body: 'y[i] = select(0.0, x[i] * p.scale, lowbias32(lowbias32(p.seed) ^ i) >= p.threshold);',
});

const GRID = { scale: 'f32', low: 'f32', high: 'f32' } as const;

/** Steps from zero, one step beyond the grid at most, so that no division overflows. */
export const STEP = /* wgsl */ `
fn stepOf(x: f32) -> f32 {
  return round(clamp(x, (p.low - 1.0) * p.scale, (p.high + 1.0) * p.scale) / p.scale);
}
`;

export const FAKE_QUANTIZE = elementwise({
  name: 'fakeQuantize',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  notesNonFinite: true,
  parameters: GRID,
  declarations: STEP,
  body: `note(x[i]);
  y[i] = clamp(stepOf(x[i]), p.low, p.high) * p.scale;`,
});

export const FAKE_QUANTIZE_GRAD = elementwise({
  name: 'fakeQuantizeGrad',
  inputs: { x: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  parameters: GRID,
  declarations: STEP,
  body: `let q = stepOf(x[i]);
  dx[i] = select(0.0, dy[i], q >= p.low && q <= p.high);`,
});

export const EMBEDDING = elementwise({
  name: 'embedding',
  inputs: { table: 'f32', ids: 'i32' },
  outputs: { y: 'f32' },
  parameters: { width: 'u32' },
  body: 'y[i] = table[u32(ids[i / p.width]) * p.width + i % p.width];',
});

/** Adds up the rows of each id in the order of their places: `places` lists them by id, from `starts[id]` on. */
export const EMBEDDING_GRAD = elementwise({
  name: 'embeddingGrad',
  inputs: { dy: 'f32', starts: 'i32', places: 'i32' },
  outputs: { dTable: 'f32' },
  parameters: { width: 'u32' },
  body: /* wgsl */ `
  let id = i / p.width;
  var sum = 0.0;
  for (var at = starts[id]; at < starts[id + 1u]; at++) { sum += dy[u32(places[at]) * p.width + i % p.width]; }
  dTable[i] = sum;`,
});

/** The sums of the columns of x [rows, size]. */
export const COLUMN_SUMS = elementwise({
  name: 'columnSums',
  inputs: { x: 'f32' },
  outputs: { sums: 'f32' },
  parameters: { rows: 'u32' },
  body: /* wgsl */ `
  var sum = 0.0;
  for (var row = 0u; row < p.rows; row++) { sum += x[row * p.size + i]; }
  sums[i] = sum;`,
});
