import { entry, type WgslKernel } from './wgsl-kernel.ts';

/** Rows and columns that a work group computes: each of its threads four by four. */
const TILE = 32;
const THREADS = (TILE / 4) ** 2;

/** How many work groups a product of m rows and n columns takes. */
export const productGroups = (m: number, n: number) => Math.ceil(m / TILE) * Math.ceil(n / TILE);

const FOUR = [0, 1, 2, 3];

/** What a tiled product of two matrices is made of; both are held in tiles, `depth` terms of each sum at a time. */
export interface TiledProduct extends Omit<WgslKernel, 'code'> {
  readonly depth: number;
  /** The types of an element of a tile, and of four sums. */
  readonly element: 'f32' | 'u32';
  readonly sums: 'vec4f' | 'vec4i';
  /** Where the terms end. */
  readonly terms: string;
  /** The element of row `line` of each side, term `term`; both are within bounds. */
  readonly load: readonly [a: string, b: string];
  /** Whether neighbouring threads read neighbouring terms, rather than lines, so that they read what lies side by side. */
  readonly termsFirst: readonly [a: string, b: string];
  /** Four products of `left` with the four of `right`. */
  readonly multiply: (left: string, right: readonly string[]) => string;
  /** The result at `row` and `column` from `sum`. */
  readonly result: string;
  readonly declarations?: string;
}

/** A product with one sum a row of a and row of b, written to y [m, n]. */
export function tiledProduct(product: TiledProduct): WgslKernel {
  const {
    depth,
    element,
    sums,
    terms,
    load,
    termsFirst,
    multiply,
    result,
    declarations = '',
    ...kernel
  } = product;
  const fill = (side: 0 | 1, tile: string, first: string, size: string) => /* wgsl */ `
      {
        let inTermsOrder = ${termsFirst[side]};
        let at = select(i % ${TILE}u, i / ${depth}u, inTermsOrder);
        let d = select(i / ${TILE}u, i % ${depth}u, inTermsOrder);
        let line = ${first} + at;
        let term = start + d;
        var value = ${element}(0);
        if (line < ${size} && term < ${terms}) { value = ${load[side]}; }
        ${tile}[d * ${TILE}u + at] = value;
      }`;
  return {
    ...kernel,
    code: /* wgsl */ `${declarations}
var<workgroup> lefts: array<${element}, ${TILE * depth}>;
var<workgroup> rights: array<${element}, ${TILE * depth}>;
${entry(THREADS)}
  let across = (p.n + ${TILE - 1}u) / ${TILE}u;
  let top = group / across * ${TILE}u;
  let side = group % across * ${TILE}u;
  if (top >= p.m) { return; }
  let y0 = 4u * (lane / ${TILE / 4}u);
  let x0 = 4u * (lane % ${TILE / 4}u);
${FOUR.map((i) => `  var s${i} = ${sums}();`).join('\n')}
  for (var start = 0u; start < ${terms}; start += ${depth}u) {
    for (var i = lane; i < ${TILE * depth}u; i += ${THREADS}u) {${fill(0, 'lefts', 'top', 'p.m')}${fill(1, 'rights', 'side', 'p.n')}
    }
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d++) {
      let l = d * ${TILE}u + y0;
      let r = d * ${TILE}u + x0;
${FOUR.map((j) => `      let r${j} = rights[r + ${j}u];`).join('\n')}
${FOUR.map((i) => `      s${i} += ${multiply(`lefts[l + ${i}u]`, ['r0', 'r1', 'r2', 'r3'])};`).join('\n')}
    }
    workgroupBarrier();
  }
${FOUR.map((i) =>
  FOUR.map(
    (j) => /* wgsl */ `  if (top + y0 + ${i}u < p.m && side + x0 + ${j}u < p.n) {
    let column = side + x0 + ${j}u;
    let sum = s${i}[${j}];
    y[(top + y0 + ${i}u) * p.n + column] = ${result};
  }`,
  ).join('\n'),
).join('\n')}
}`,
  };
}

/**
 * The sums over l of a(i, l) b(j, l) in float32, for matrices that lie either way round: a(i, l) is
 * a[i * aRow + l * aColumn].
 */
export const floatProduct = (biased: boolean): WgslKernel =>
  tiledProduct({
    name: biased ? 'biasedProduct' : 'product',
    inputs: { a: 'f32', b: 'f32', ...(biased && { bias: 'f32' as const }) },
    outputs: { y: 'f32' },
    parameters: {
      m: 'u32',
      n: 'u32',
      depth: 'u32',
      aRow: 'u32',
      aColumn: 'u32',
      bRow: 'u32',
      bColumn: 'u32',
    },
    depth: 16,
    element: 'f32',
    sums: 'vec4f',
    terms: 'p.depth',
    load: ['a[line * p.aRow + term * p.aColumn]', 'b[line * p.bRow + term * p.bColumn]'],
    termsFirst: ['p.aColumn == 1u', 'p.bColumn == 1u'],
    multiply: (left, right) => `${left} * vec4f(${right.join(', ')})`,
    result: biased ? 'sum + bias[column]' : 'sum',
  });
