import { STEP } from './elementwise-kernels.ts';
import { TILE } from './product-kernels.ts';
import { elementwise, entry, LANES, rowwise, type WgslKernel } from './wgsl-kernel.ts';

/** Four integers of a row in a word, each less `p.middle`; those behind the row's end are 0. */
export const PACK_ROWS_ON_GRID = elementwise({
  name: 'packRowsOnGrid',
  inputs: { x: 'f32' },
  outputs: { packed: 'u32' },
  notesNonFinite: true,
  parameters: { scale: 'f32', low: 'f32', high: 'f32', middle: 'i32', width: 'u32', words: 'u32' },
  declarations: STEP,
  body: /* wgsl */ `
  let row = i / p.words;
  let first = (i % p.words) * 4u;
  var word = 0u;
  for (var j = 0u; j < min(4u, p.width - first); j++) {
    let value = x[row * p.width + first + j];
    note(value);
    let q = i32(clamp(stepOf(value), p.low, p.high)) - p.middle;
    word |= (u32(q) & 0xffu) << (8u * j);
  }
  packed[i] = word;`,
});

/** The integers of each row on its own grid, four a word, with the row's scale and the sum of its integers. */
export const PACK_ROWS = rowwise({
  name: 'packRows',
  inputs: { x: 'f32' },
  outputs: { packed: 'u32', scales: 'f32', sums: 'i32' },
  notesNonFinite: true,
  parameters: { levels: 'f32', words: 'u32' },
  body: /* wgsl */ `
  var own = 0.0;
  for (var i = lane; i < p.width; i += ${LANES}u) { note(x[start + i]); own = max(own, abs(x[start + i])); }
  let scale = maxOver(lane, own) / p.levels;
  var total = 0;
  for (var at = lane; at < p.words; at += ${LANES}u) {
    var word = 0u;
    for (var j = 0u; j < min(4u, p.width - 4u * at); j++) {
      let q = i32(select(0.0, clamp(round(x[start + 4u * at + j] / scale), -p.levels, p.levels), scale > 0.0));
      total += q;
      word |= (u32(q) & 0xffu) << (8u * j);
    }
    packed[row * p.words + at] = word;
  }
  // In two halves, each exact in a float's 24 bits.
  let high = sumOver(lane, f32(total >> 12u));
  let low = sumOver(lane, f32(total & 0xfff));
  if (lane == 0u) {
    scales[row] = scale;
    sums[row] = i32(high) * 4096 + i32(low);
  }`,
});

/** Words of each row that a work group holds at a time. */
const DEPTH = 8;

/**
 * The product of packed rows, in integers: exact sums, and one scale at the end. 64 threads compute 4 x 4 results each.
 *
 * @param packedDotProducts - whether the shader language has `dot4I8Packed`
 */
export const quantizedProduct = (packedDotProducts: boolean): WgslKernel => ({
  name: packedDotProducts ? 'quantizedProductPacked' : 'quantizedProduct',
  inputs: { x: 'u32', weight: 'u32', weightScales: 'f32', weightSums: 'i32', bias: 'f32' },
  outputs: { y: 'f32' },
  parameters: { m: 'u32', n: 'u32', words: 'u32', scale: 'f32', middle: 'i32' },
  code: /* wgsl */ `
fn dot4(a: u32, b: u32) -> i32 {
  ${packedDotProducts ? 'return dot4I8Packed(a, b);' : 'return dot(bytes(a), bytes(b));'}
}
fn bytes(word: u32) -> vec4i {
  let w = bitcast<i32>(word);
  return vec4i((w << 24u) >> 24u, (w << 16u) >> 24u, (w << 8u) >> 24u, w >> 24u);
}
var<workgroup> rows: array<u32, ${TILE * DEPTH}>;
var<workgroup> columns: array<u32, ${TILE * DEPTH}>;
${entry(LANES)}
  let across = (p.n + ${TILE - 1}u) / ${TILE}u;
  let top = group / across * ${TILE}u;
  let left = group % across * ${TILE}u;
  if (top >= p.m) { return; }
  let y0 = lane / 8u;
  let x0 = lane % 8u;
  var sums: array<i32, 16>;
  for (var at = 0u; at < p.words; at += ${DEPTH}u) {
    for (var i = lane; i < ${TILE * DEPTH}u; i += ${LANES}u) {
      let line = i / ${DEPTH}u;
      let word = at + i % ${DEPTH}u;
      var a = 0u;
      var b = 0u;
      if (word < p.words) {
        if (top + line < p.m) { a = x[(top + line) * p.words + word]; }
        if (left + line < p.n) { b = weight[(left + line) * p.words + word]; }
      }
      rows[i] = a;
      columns[i] = b;
    }
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      var b: array<u32, 4>;
      for (var j = 0u; j < 4u; j++) { b[j] = columns[(x0 + 8u * j) * ${DEPTH}u + d]; }
      for (var i = 0u; i < 4u; i++) {
        let a = rows[(y0 + 8u * i) * ${DEPTH}u + d];
        for (var j = 0u; j < 4u; j++) { sums[4u * i + j] += dot4(a, b[j]); }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let row = top + y0 + 8u * i;
    for (var j = 0u; j < 4u; j++) {
      let column = left + x0 + 8u * j;
      if (row < p.m && column < p.n) {
        let sum = sums[4u * i + j] + p.middle * weightSums[column];
        y[row * p.n + column] = f32(sum) * (p.scale * weightScales[column]) + bias[column];
      }
    }
  }
}`,
});
