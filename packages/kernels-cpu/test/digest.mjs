// Runs the native kernels under the settings of this process and prints what they gave: for run-settings.test.ts.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)('../native/sdq-kernels-cpu.node');
const { path, threads } = addon.info();
const hashes = {};
const errors = {};

let state = 1;
function floats(length, scale = 1) {
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
}

function record(name, outputs, reference) {
  const hash = createHash('sha256');
  for (const output of outputs) hash.update(new Uint8Array(output.buffer));
  hashes[name] = hash.digest('hex');
  if (reference)
    errors[name] = Math.max(
      ...outputs[0].map((y, i) => Math.abs(y - reference(i)) / (1 + Math.abs(reference(i)))),
    );
}

const [m, k, n] = [301, 390, 210];
const [x, w, bias, dy] = [floats(m * k), floats(n * k), floats(n), floats(m * n)];
const dot = (length, a, b) => {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a(i) * b(i);
  return sum;
};
const y = new Float32Array(m * n);
addon.linear(x, w, bias, y, m, n, k);
record('linear', [y], (at) => {
  const [row, column] = [Math.floor(at / n), at % n];
  return (
    bias[column] +
    dot(
      k,
      (i) => x[row * k + i],
      (i) => w[column * k + i],
    )
  );
});
const dx = new Float32Array(m * k);
addon.linearGradInput(dy, w, dx, m, n, k);
record('linearGradInput', [dx]);
const dw = new Float32Array(n * k);
addon.linearGradWeight(dy, x, dw, m, n, k);
record('linearGradWeight', [dw]);
addon.quantizedLinearGradInputBf16(dy, x, w, 127, 0.007, -120, 135, dx, m, n, k);
record('quantizedLinearGradInputBf16', [dx]);
addon.quantizedLinearGradWeightBf16(dy, x, 0.007, -120, 135, dw, m, n, k);
record('quantizedLinearGradWeightBf16', [dw]);
const db = new Float32Array(n);
addon.linearGradBias(dy, db);
record('linearGradBias', [db], (column) =>
  dot(
    m,
    (i) => dy[i * n + column],
    () => 1,
  ),
);

const wide = floats(100_001, 6);
const out = () => new Float32Array(wide.length);
const tanh = out();
addon.tanh(wide, tanh);
record('tanh', [tanh], (i) => Math.tanh(wide[i]));
for (const name of ['gelu']) {
  const [forward, backward] = [out(), out()];
  addon.gelu(wide, forward);
  addon.geluGrad(wide, wide, backward);
  record(name, [forward, backward]);
}
const dropped = out();
addon.dropout(wide, 42, 2 ** 30, 4 / 3, dropped);
record('dropout', [dropped]);
const quantized = out();
addon.fakeQuantize(wide, 0.037, -117, 138, quantized);
record('fakeQuantize', [quantized]);
const rows = new Float32Array(m * k);
addon.fakeQuantizeRows(x, k, 127, rows);
record('fakeQuantizeRows', [rows]);
const { min, max } = addon.minMax(wide);
record('minMax', [Float32Array.of(min, max)], (i) => (i === 0 ? Math.min(...wide) : Math.max(...wide)));

const [gamma, beta] = [floats(k), floats(k)];
const normed = new Float32Array(m * k);
addon.layerNorm(x, gamma, beta, 1e-12, normed);
const [lx, lg, lb] = [new Float32Array(m * k), new Float32Array(k), new Float32Array(k)];
addon.layerNormGrad(x, gamma, normed, 1e-12, lx, lg, lb);
record('layerNorm', [normed, lx, lg, lb]);

const offsets = Int32Array.of(0, 1, 160, 161, 301);
const [heads, tokens] = [13, m];
const [q, key, v] = [floats(m * k), floats(m * k), floats(m * k)];
const [context, sums] = [new Float32Array(m * k), new Float32Array(heads * tokens)];
addon.attention(q, key, v, offsets, heads, context, sums);
const grads = [0, 1, 2].map(() => new Float32Array(m * k));
addon.attentionGrad(q, key, v, sums, x, offsets, heads, ...grads);
record('attention', [context, sums, ...grads]);

record('losses', [
  Float64Array.of(
    addon.softmaxKl(q, v, 30, 0.5),
    addon.relationKl(q, key, v, v, offsets, heads),
    addon.cosineDistance(q, v, 30),
    addon.squaredError(q, v),
    addon.sumOfSquares([q, v, bias]),
  ),
]);
const cosineGrad = new Float32Array(m * k);
addon.cosineDistanceGrad(q, v, 30, 0.1, cosineGrad);
record('cosineDistanceGrad', [cosineGrad]);
const relationGrads = [0, 1].map(() => new Float32Array(m * k));
addon.relationKlGrad(q, key, v, x, offsets, heads, 0.1, ...relationGrads);
record('relationKlGrad', relationGrads);
const klGrad = new Float32Array(m * k);
addon.softmaxKlGrad(q, v, 30, 0.5, 0.1, klGrad);
record('klGrad', [klGrad]);
const ids = Int32Array.from({ length: m }, (_, i) => (i * 7) % 50);
const table = new Float32Array(50 * k);
addon.embeddingGrad(x, ids, k, table);
record('embeddingGrad', [table]);
const parameters = [floats(70_000), floats(10)];
const zeros = () => parameters.map((p) => new Float32Array(p.length));
const [means, squares] = [zeros(), zeros()];
const step = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, gradientScale: 0.7, step: 3 };
addon.adamW(parameters, [floats(70_000), floats(10)], means, squares, [0.01, 0], step);
record('adamW', [...parameters, ...means, ...squares]);

// A block of an encoder in integers: each kind of step, and rows enough for several tasks.
const bytes = (length) => Int8Array.from(floats(length, 127));
const byteGrid = (scale) => ({ scale, zeroPoint: 128, qMin: 0, qMax: 255 });
const integerWeight = (rows, columns, scale) => ({
  values: bytes(rows * columns),
  scales: Float32Array.from(floats(rows), (value) => (2 + value) / 200 / Math.sqrt(columns)),
  bias: floats(rows, 0.5),
  grid: byteGrid(scale),
});
const toBytes = (width, buffer, scale) => ({ width, bytes: { buffer, grid: byteGrid(scale), site: 0 } });
const program = new addon.IntegerProgram({
  steps: [
    {
      kind: 'sumRows',
      terms: [
        { kind: 'table', table: 0, indices: 0 },
        { kind: 'table', table: 1, indices: 0 },
      ],
      norm: { gamma: 0, beta: 1, epsilon: 1e-12 },
      function: 'identity',
      perSequence: false,
      out: { ...toBytes(k, 0, 0.02), floats: 1 },
    },
    {
      kind: 'integerLinear',
      x: 0,
      linear: 0,
      function: 'identity',
      perSequence: false,
      out: { width: 3 * k, floats: 0 },
    },
    {
      kind: 'attention',
      ...Object.fromEntries(
        ['q', 'k', 'v'].map((name, i) => [name, { buffer: 0, first: i * k, step: 3 * k }]),
      ),
      heads,
      out: toBytes(k, 1, 0.01),
    },
    {
      kind: 'integerLinear',
      x: 1,
      linear: 1,
      function: 'gelu',
      perSequence: false,
      out: { width: k, floats: 2 },
    },
    {
      kind: 'sumRows',
      terms: [
        { kind: 'floats', buffer: 1 },
        { kind: 'firstTokens', buffer: 2 },
      ],
      function: 'tanh',
      perSequence: true,
      out: { width: k, floats: 0 },
    },
    {
      kind: 'floatLinear',
      x: 0,
      weight: 2,
      bias: 3,
      perSequence: true,
      out: { width: n, floats: 1 },
    },
  ],
  linears: [integerWeight(3 * k, k, 0.02), integerWeight(k, k, 0.01)],
  tables: [
    { values: bytes(50 * k), scales: Float32Array.from(floats(50), (value) => (2 + value) / 127) },
    { floats: floats(50 * k) },
  ],
  floats: [gamma, beta, floats(n * k, 0.1), floats(n)],
  floatWidths: [3 * k, k, k],
  byteWidths: [k, k],
});
const logits = new Float32Array((offsets.length - 1) * n);
program.run([ids], offsets, logits);
record('integerProgram', [logits]);

console.log(JSON.stringify({ path, threads, hashes, errors, logits: [...logits] }));
