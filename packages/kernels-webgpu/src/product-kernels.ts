import { entry, LANES, type WgslKernel } from './wgsl-kernel.ts';

/** Rows and columns that a work group computes. */
export const TILE = 32;

/** Terms of each sum that it holds at a time. */
const DEPTH = 16;

/** How many work groups a product of m rows and n columns takes. */
export const productGroups = (m: number, n: number) => Math.ceil(m / TILE) * Math.ceil(n / TILE);

/**
 * The sums over l of a(i, l) b(j, l) in float32, for matrices that lie either way round: a(i, l) is
 * a[i * aRow + l * aColumn]. 64 threads compute 4 x 4 results each.
 */
export const floatProduct = (biased: boolean): WgslKernel => ({
  name: biased ? 'biasedProduct' : 'product',
  inputs: { a: 'f32', b: 'f32', ...(biased && { bias: 'f32' as const }) },
  outputs: { y: 'f32' },
  parameters: { m: 'u32', n: 'u32', depth: 'u32', aRow: 'u32', aColumn: 'u32', bRow: 'u32', bColumn: 'u32' },
  code: /* wgsl */ `
var<workgroup> rows: array<f32, ${TILE * DEPTH}>;
var<workgroup> columns: array<f32, ${TILE * DEPTH}>;
${entry(LANES)}
  let across = (p.n + ${TILE - 1}u) / ${TILE}u;
  let top = group / across * ${TILE}u;
  let left = group % across * ${TILE}u;
  if (top >= p.m) { return; }
  let y0 = lane / 8u;
  let x0 = lane % 8u;
  var sums: array<f32, 16>;
  for (var at = 0u; at < p.depth; at += ${DEPTH}u) {
    for (var i = lane; i < ${TILE * DEPTH}u; i += ${LANES}u) {
      // Neighbouring threads read what lies side by side.
      let aLine = select(i % ${TILE}u, i / ${DEPTH}u, p.aColumn == 1u);
      let aTerm = select(i / ${TILE}u, i % ${DEPTH}u, p.aColumn == 1u);
      var value = 0.0;
      if (top + aLine < p.m && at + aTerm < p.depth) {
        value = a[(top + aLine) * p.aRow + (at + aTerm) * p.aColumn];
      }
      rows[aLine * ${DEPTH}u + aTerm] = value;
      let bLine = select(i % ${TILE}u, i / ${DEPTH}u, p.bColumn == 1u);
      let bTerm = select(i / ${TILE}u, i % ${DEPTH}u, p.bColumn == 1u);
      value = 0.0;
      if (left + bLine < p.n && at + bTerm < p.depth) {
        value = b[(left + bLine) * p.bRow + (at + bTerm) * p.bColumn];
      }
      columns[bLine * ${DEPTH}u + bTerm] = value;
    }
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      var right: array<f32, 4>;
      for (var j = 0u; j < 4u; j++) { right[j] = columns[(x0 + 8u * j) * ${DEPTH}u + d]; }
      for (var i = 0u; i < 4u; i++) {
        let value = rows[(y0 + 8u * i) * ${DEPTH}u + d];
        for (var j = 0u; j < 4u; j++) { sums[4u * i + j] += value * right[j]; }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let row = top + y0 + 8u * i;
    for (var j = 0u; j < 4u; j++) {
      let column = left + x0 + 8u * j;
      if (row < p.m && column < p.n) {
        y[row * p.n + column] = sums[4u * i + j]${biased ? ' + bias[column]' : ''};
      }
    }
  }
}`,
});
