import { Random } from '@sdq/core';

/** Rows of 64 weights that break careless arithmetic, and random ones of several sizes. */
export function adversarialRows(seed = 1): { readonly name: string; readonly row: Float32Array }[] {
  const random = new Random(seed);
  const of = (value: (i: number) => number) => Float32Array.from({ length: 64 }, (_, i) => value(i));
  return [
    { name: 'zeros', row: of(() => 0) },
    { name: 'negative zeros', row: of(() => -0) },
    { name: 'equal', row: of(() => 0.3) },
    { name: 'equal and negative', row: of(() => -7) },
    { name: 'one outlier', row: of((i) => (i === 5 ? 1000 : 0.001)) },
    { name: 'denormals', row: of((i) => (i - 30) * 2 ** -149) },
    { name: 'huge', row: of((i) => (i % 2 ? 1 : -1) * 3e38) },
    { name: 'ties', row: of((i) => (i - 32) / 2) },
    ...[1e-6, 1, 1e6].map((scale) => ({
      name: `normal of ${scale}`,
      row: of(() => scale * random.normal()),
    })),
  ];
}

/** Round half to even, in float64. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
