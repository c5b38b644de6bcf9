import { entry, LANES, REDUCTIONS, type WgslKernel } from './wgsl-kernel.ts';

/** Features that a work group computes: four a thread. A head of more takes several groups. */
const FEATURES = 4 * LANES;

const SHAPE = { tokens: 'u32', heads: 'u32', width: 'u32', scale: 'f32' } as const;

/** How many work groups the kernels take. */
export const attentionGroups = (tokens: number, heads: number, width: number) =>
  tokens * heads * Math.ceil(width / FEATURES);

// One work group computes some features of one token row and head. Rows i and j of its sequence are from `begin` to `end`;
// `bounds` holds both for each row.
const START = /* wgsl */ `
${entry(LANES)}
  let blocks = (p.width + ${FEATURES - 1}u) / ${FEATURES}u;
  if (group >= p.tokens * p.heads * blocks) { return; }
  let firstFeature = group % blocks * ${FEATURES}u;
  let head = group / blocks % p.heads;
  let own = group / blocks / p.heads;
  let begin = u32(bounds[2u * own]);
  let end = u32(bounds[2u * own + 1u]);
  let hidden = p.heads * p.width;
  let column = head * p.width;`;

/** The product of the features from `column` on of row i of a and row j of b. */
const dot = (name: string, a: string, b: string, width = 'p.width') => /* wgsl */ `
fn ${name}(i: u32, j: u32, column: u32) -> f32 {
  let hidden = p.heads * ${width};
  var sum = 0.0;
  for (var f = column; f < column + ${width}; f++) { sum += ${a}[i * hidden + f] * ${b}[j * hidden + f]; }
  return sum;
}`;

const EACH_FEATURE = /* wgsl */ `for (var c = 0u; c < 4u; c++) {
      let f = firstFeature + c * ${LANES}u + lane;
      if (f >= p.width) { break; }`;

/** The context of each row, and the logarithm of the sum of its powers; softmax runs along with the sum (FlashAttention). */
export const ATTENTION: WgslKernel = {
  name: 'attention',
  inputs: { q: 'f32', k: 'f32', v: 'f32', bounds: 'i32' },
  outputs: { y: 'f32', logSums: 'f32' },
  parameters: SHAPE,
  code: /* wgsl */ `${REDUCTIONS}${dot('query', 'q', 'k')}
var<workgroup> powers: array<f32, ${LANES}>;
${START}
  var largest = -3.4e38;
  var total = 0.0;
  var context: array<f32, 4>;
  for (var at = begin; at < end; at += ${LANES}u) {
    let j = at + lane;
    var score = -3.4e38;
    if (j < end) { score = query(own, j, column) * p.scale; }
    let top = max(largest, maxOver(lane, score));
    let kept = exp(largest - top);
    let power = select(0.0, exp(score - top), j < end);
    powers[lane] = power;
    total = total * kept + sumOver(lane, power);
    largest = top;
    ${EACH_FEATURE}
      var sum = context[c] * kept;
      for (var t = 0u; t < min(${LANES}u, end - at); t++) { sum += powers[t] * v[(at + t) * hidden + column + f]; }
      context[c] = sum;
    }
  }
  ${EACH_FEATURE}
    y[own * hidden + column + f] = context[c] / total;
  }
  if (lane == 0u && firstFeature == 0u) { logSums[head * p.tokens + own] = largest + log(total); }
}`,
};

/** The share of row j in the context of row i. */
const share = (logSum: string) => /* wgsl */ `
fn share(i: u32, j: u32, column: u32, head: u32) -> f32 {
  let row = head * p.tokens + i;
  return exp(query(i, j, column) * p.scale - ${logSum});
}`;

/** The gradient to q; and for each head and row what the next kernel needs: the log sum, and the mean slope of the shares. */
export const ATTENTION_GRAD_QUERY: WgslKernel = {
  name: 'attentionGradQuery',
  inputs: { q: 'f32', k: 'f32', v: 'f32', logSums: 'f32', dy: 'f32', bounds: 'i32' },
  outputs: { dq: 'f32', stats: 'f32' },
  parameters: SHAPE,
  code: /* wgsl */ `${REDUCTIONS}${dot('query', 'q', 'k')}${dot('slope', 'dy', 'v')}${share('logSums[row]')}
var<workgroup> slopes: array<f32, ${LANES}>;
${START}
  var part = 0.0;
  for (var j = begin + lane; j < end; j += ${LANES}u) {
    part += share(own, j, column, head) * slope(own, j, column);
  }
  let mean = sumOver(lane, part);
  var sums: array<f32, 4>;
  for (var at = begin; at < end; at += ${LANES}u) {
    let j = at + lane;
    if (j < end) { slopes[lane] = share(own, j, column, head) * (slope(own, j, column) - mean) * p.scale; }
    workgroupBarrier();
    ${EACH_FEATURE}
      for (var t = 0u; t < min(${LANES}u, end - at); t++) { sums[c] += slopes[t] * k[(at + t) * hidden + column + f]; }
    }
    workgroupBarrier();
  }
  ${EACH_FEATURE}
    dq[own * hidden + column + f] = sums[c];
  }
  if (lane == 0u && firstFeature == 0u) {
    let row = head * p.tokens + own;
    stats[2u * row] = logSums[row];
    stats[2u * row + 1u] = mean;
  }
}`,
};

export const ATTENTION_GRAD_KEY: WgslKernel = {
  name: 'attentionGradKey',
  // With the outputs as many as WebGPU promises to bind, eight.
  inputs: { q: 'f32', k: 'f32', v: 'f32', dy: 'f32', stats: 'f32', bounds: 'i32' },
  outputs: { dk: 'f32', dv: 'f32' },
  parameters: SHAPE,
  code: /* wgsl */ `${dot('query', 'q', 'k')}${dot('slope', 'dy', 'v')}${share('stats[2u * row]')}
var<workgroup> shares: array<f32, ${LANES}>;
var<workgroup> slopes: array<f32, ${LANES}>;
${START}
  var keys: array<f32, 4>;
  var values: array<f32, 4>;
  for (var at = begin; at < end; at += ${LANES}u) {
    let i = at + lane;
    if (i < end) {
      let part = share(i, own, column, head);
      shares[lane] = part;
      slopes[lane] = part * (slope(i, own, column) - stats[2u * (head * p.tokens + i) + 1u]) * p.scale;
    }
    workgroupBarrier();
    ${EACH_FEATURE}
      for (var t = 0u; t < min(${LANES}u, end - at); t++) {
        let place = (at + t) * hidden + column + f;
        keys[c] += slopes[t] * q[place];
        values[c] += shares[t] * dy[place];
      }
    }
    workgroupBarrier();
  }
  ${EACH_FEATURE}
    dk[own * hidden + column + f] = keys[c];
    dv[own * hidden + column + f] = values[c];
  }
}`,
};

const RELATION_SHAPE = { ...SHAPE, teacherWidth: 'u32', teacherScale: 'f32' } as const;

const RELATIONS = /* wgsl */ `${dot('studentDot', 'q', 'k')}${dot('teacherDot', 'teacherQ', 'teacherK', 'p.teacherWidth')}
fn studentScore(i: u32, j: u32, head: u32) -> f32 { return studentDot(i, j, head * p.width) * p.scale; }
fn teacherScore(i: u32, j: u32, head: u32) -> f32 { return teacherDot(i, j, head * p.teacherWidth) * p.teacherScale; }`;

/** For each head and row the divergence of the student's relations from the teacher's, and the log sums of both. */
export const RELATION_KL_ROWS: WgslKernel = {
  name: 'relationKlRows',
  inputs: { teacherQ: 'f32', teacherK: 'f32', q: 'f32', k: 'f32', bounds: 'i32' },
  outputs: { losses: 'f32', stats: 'f32' },
  parameters: RELATION_SHAPE,
  code: /* wgsl */ `${REDUCTIONS}${RELATIONS}
${entry(LANES)}
  if (group >= p.tokens * p.heads) { return; }
  let head = group % p.heads;
  let own = group / p.heads;
  let begin = u32(bounds[2u * own]);
  let end = u32(bounds[2u * own + 1u]);
  var t = -3.4e38;
  var s = -3.4e38;
  for (var j = begin + lane; j < end; j += ${LANES}u) {
    t = max(t, teacherScore(own, j, head));
    s = max(s, studentScore(own, j, head));
  }
  let tLargest = maxOver(lane, t);
  let sLargest = maxOver(lane, s);
  t = 0.0;
  s = 0.0;
  for (var j = begin + lane; j < end; j += ${LANES}u) {
    t += exp(teacherScore(own, j, head) - tLargest);
    s += exp(studentScore(own, j, head) - sLargest);
  }
  let tLog = log(sumOver(lane, t));
  let sLog = log(sumOver(lane, s));
  var part = 0.0;
  for (var j = begin + lane; j < end; j += ${LANES}u) {
    let above = teacherScore(own, j, head) - tLargest;
    let apart = above - (studentScore(own, j, head) - sLargest);
    // In this order it is exactly 0 for equal relations.
    part += exp(above - tLog) * (apart - (tLog - sLog));
  }
  let loss = sumOver(lane, part);
  if (lane == 0u) {
    losses[group] = loss;
    stats[2u * group] = tLargest + tLog;
    stats[2u * group + 1u] = sLargest + sLog;
  }
}`,
};

/** The gradient to one side of the student's relations, by the rows of the other: to q by k, or to k by q. */
export const relationKlGrad = (side: 'q' | 'k'): WgslKernel => ({
  name: `relationKlGrad-${side}`,
  inputs: {
    teacherQ: 'f32',
    teacherK: 'f32',
    q: 'f32',
    k: 'f32',
    stats: 'f32',
    dy: 'f32',
    bounds: 'i32',
  },
  outputs: { dx: 'f32' },
  parameters: { ...RELATION_SHAPE, factor: 'f32' },
  code: /* wgsl */ `${RELATIONS}
var<workgroup> slopes: array<f32, ${LANES}>;
fn slope(i: u32, j: u32, head: u32) -> f32 {
  let row = 2u * (i * p.heads + head);
  return exp(studentScore(i, j, head) - stats[row + 1u]) - exp(teacherScore(i, j, head) - stats[row]);
}
${START}
  var sums: array<f32, 4>;
  for (var at = begin; at < end; at += ${LANES}u) {
    let other = at + lane;
    if (other < end) { slopes[lane] = ${side === 'q' ? 'slope(own, other, head)' : 'slope(other, own, head)'}; }
    workgroupBarrier();
    ${EACH_FEATURE}
      for (var t = 0u; t < min(${LANES}u, end - at); t++) {
        sums[c] += slopes[t] * ${side === 'q' ? 'k' : 'q'}[(at + t) * hidden + column + f];
      }
    }
    workgroupBarrier();
  }
  ${EACH_FEATURE}
    dx[own * hidden + column + f] = sums[c] * p.scale * p.factor * dy[0];
  }
}`,
});
