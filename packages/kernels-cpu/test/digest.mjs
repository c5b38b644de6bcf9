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
  Float64Array.of(addon.softmaxKl(q, v, 30, 0.5), addon.squaredError(q, v), addon.sumOfSquares([q, v, bias])),
]);
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

console.log(JSON.stringify({ path, threads, hashes, errors }));
