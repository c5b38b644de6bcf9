import { LANES, rowwise } from './wgsl-kernel.ts';

const EACH = `for (var i = lane; i < p.width; i += ${LANES}u)`;

export const FAKE_QUANTIZE_ROWS = rowwise({
  name: 'fakeQuantizeRows',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  notesNonFinite: true,
  parameters: { levels: 'f32' },
  body: /* wgsl */ `
  var own = 0.0;
  ${EACH} { note(x[start + i]); own = max(own, abs(x[start + i])); }
  let scale = maxOver(lane, own) / p.levels;
  ${EACH} {
    // A row of zeros would divide by zero.
    let q = select(0.0, clamp(round(x[start + i] / scale), -p.levels, p.levels), scale > 0.0);
    y[start + i] = q * scale;
  }`,
});

const NORMALISE = /* wgsl */ `
  var own = 0.0;
  ${EACH} { own += x[start + i]; }
  let mean = sumOver(lane, own) / f32(p.width);
  own = 0.0;
  ${EACH} { let centred = x[start + i] - mean; own += centred * centred; }
  let inverse = inverseSqrt(sumOver(lane, own) / f32(p.width) + p.epsilon);`;

export const LAYER_NORM = rowwise({
  name: 'layerNorm',
  inputs: { x: 'f32', gamma: 'f32', beta: 'f32' },
  outputs: { y: 'f32' },
  parameters: { epsilon: 'f32' },
  body: `${NORMALISE}
  ${EACH} { y[start + i] = (x[start + i] - mean) * inverse * gamma[i] + beta[i]; }`,
});

/** The gradient to x, and what the other two need: x normalised, times dy. */
export const LAYER_NORM_GRAD = rowwise({
  name: 'layerNormGrad',
  inputs: { x: 'f32', gamma: 'f32', dy: 'f32' },
  outputs: { dx: 'f32', slopes: 'f32' },
  parameters: { epsilon: 'f32' },
  body: `${NORMALISE}
  own = 0.0;
  var along = 0.0;
  ${EACH} {
    let slope = dy[start + i] * gamma[i];
    own += slope;
    along += slope * (x[start + i] - mean) * inverse;
  }
  let level = sumOver(lane, own) / f32(p.width);
  let tilt = sumOver(lane, along) / f32(p.width);
  ${EACH} {
    let unit = (x[start + i] - mean) * inverse;
    dx[start + i] = inverse * (dy[start + i] * gamma[i] - level - unit * tilt);
    slopes[start + i] = unit * dy[start + i];
  }`,
});

/** The largest of a row, and the sum of the powers below it. */
const softmaxOf = (name: string, value: (i: string) => string) => /* wgsl */ `
  var ${name}Own = -3.4e38;
  ${EACH} { ${name}Own = max(${name}Own, ${value('i')}); }
  let ${name}Largest = maxOver(lane, ${name}Own);
  var ${name}Powers = 0.0;
  ${EACH} { ${name}Powers += exp(${value('i')} - ${name}Largest); }
  let ${name}Total = sumOver(lane, ${name}Powers);`;

const LOGIT = (i: string) => `logits[start + ${i}]`;

/** The loss of each row, 0 where its label is negative. */
export const CROSS_ENTROPY_ROWS = rowwise({
  name: 'crossEntropyRows',
  inputs: { logits: 'f32', labels: 'i32' },
  outputs: { losses: 'f32' },
  body: `${softmaxOf('z', LOGIT)}
  if (lane == 0u) {
    let label = labels[row];
    losses[row] = select(0.0, zLargest - logits[start + u32(max(label, 0))] + log(zTotal), label >= 0);
  }`,
});

export const CROSS_ENTROPY_GRAD = rowwise({
  name: 'crossEntropyGrad',
  inputs: { logits: 'f32', labels: 'i32', dy: 'f32' },
  outputs: { dx: 'f32' },
  parameters: { factor: 'f32' },
  body: `${softmaxOf('z', LOGIT)}
  let label = labels[row];
  ${EACH} {
    let wanted = select(0.0, 1.0, i32(i) == label);
    let slope = exp(logits[start + i] - zLargest) / zTotal - wanted;
    dx[start + i] = select(0.0, slope * dy[0] * p.factor, label >= 0);
  }`,
});

const TEACHER = (i: string) => `teacher[start + ${i}] * p.inverse`;
const STUDENT = (i: string) => `student[start + ${i}] * p.inverse`;

/** KL(softmax(teacher) || softmax(student)) of each row. */
export const SOFTMAX_KL_ROWS = rowwise({
  name: 'softmaxKlRows',
  inputs: { teacher: 'f32', student: 'f32' },
  outputs: { losses: 'f32' },
  parameters: { inverse: 'f32' },
  body: `${softmaxOf('t', TEACHER)}${softmaxOf('s', STUDENT)}
  var own = 0.0;
  ${EACH} {
    let above = ${TEACHER('i')} - tLargest;
    let apart = above - (${STUDENT('i')} - sLargest);
    // In this order it is exactly 0 for equal rows.
    own += exp(above) / tTotal * (apart - (log(tTotal) - log(sTotal)));
  }
  let loss = sumOver(lane, own);
  if (lane == 0u) { losses[row] = loss; }`,
});

export const SOFTMAX_KL_GRAD = rowwise({
  name: 'softmaxKlGrad',
  inputs: { teacher: 'f32', student: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  parameters: { inverse: 'f32', factor: 'f32' },
  body: `${softmaxOf('t', TEACHER)}${softmaxOf('s', STUDENT)}
  ${EACH} {
    let p0 = exp(${TEACHER('i')} - tLargest) / tTotal;
    let q0 = exp(${STUDENT('i')} - sLargest) / sTotal;
    dx[start + i] = (q0 - p0) * dy[0] * p.factor;
  }`,
});

/** The sum of one row, times a factor. */
export const SCALED_SUM = rowwise({
  name: 'scaledSum',
  inputs: { x: 'f32' },
  outputs: { sum: 'f32' },
  parameters: { factor: 'f32' },
  body: `var own = 0.0;
  ${EACH} { own += x[start + i]; }
  let total = sumOver(lane, own);
  if (lane == 0u) { sum[row] = total * p.factor; }`,
});
