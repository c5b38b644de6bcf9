import { STEP } from './elementwise-kernels.ts';
import { tiledProduct } from './product-kernels.ts';
import { elementwise, LANES, rowwise, type WgslKernel } from './wgsl-kernel.ts';

/** Four integers of a row in a word, each less `p.middle`; those after the row's end are 0. */
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

/**
 * The product of packed rows, in integers: exact sums, and one scale at the end.
 *
 * @param packedDotProducts - whether the shader language has `dot4I8Packed`
 */
export const quantizedProduct = (packedDotProducts: boolean): WgslKernel =>
  tiledProduct({
    name: packedDotProducts ? 'quantizedProductPacked' : 'quantizedProduct',
    inputs: { x: 'u32', weight: 'u32', weightScales: 'f32', weightSums: 'i32', bias: 'f32' },
    outputs: { y: 'f32' },
    parameters: { m: 'u32', n: 'u32', words: 'u32', scale: 'f32', middle: 'i32' },
    declarations: packedDotProducts ? '' : UNPACKED_DOT,
    depth: 8,
    element: 'u32',
    sums: 'vec4i',
    terms: 'p.words',
    load: ['x[line * p.words + term]', 'weight[line * p.words + term]'],
    termsFirst: ['true', 'true'],
    multiply: (left, right) => {
      const dot = packedDotProducts ? 'dot4I8Packed' : 'dot4';
      return `vec4i(${right.map((each) => `${dot}(${left}, ${each})`).join(', ')})`;
    },
    result: 'f32(sum + p.middle * weightSums[column]) * (p.scale * weightScales[column]) + bias[column]',
  });

const UNPACKED_DOT = /* wgsl */ `
fn bytes(word: u32) -> vec4i {
  let w = bitcast<i32>(word);
  return vec4i((w << 24u) >> 24u, (w << 16u) >> 24u, (w << 8u) >> 24u, w >> 24u);
}
fn dot4(a: u32, b: u32) -> i32 { return dot(bytes(a), bytes(b)); }`;
