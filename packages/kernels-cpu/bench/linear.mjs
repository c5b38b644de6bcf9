// Prints the speed of the linear layer's three products: node bench/linear.mjs [tokens] [in] [out]
import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)('../native/sdq-kernels-cpu.node');
const [m, k, n] = [1024, 384, 1536].map((size, i) => Number(process.argv[2 + i] ?? size));
const floats = (length) => Float32Array.from({ length }, () => Math.random() - 0.5);
const [x, weight, bias, y] = [floats(m * k), floats(n * k), floats(n), floats(m * n)];
const [dx, dw, db] = [floats(m * k), floats(n * k), floats(n)];

function report(name, products, run) {
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const speed = (ms) => `${((2e-6 * m * n * k * products) / ms).toFixed(0)} GFLOP/s`;
  console.log(`${name}: median ${times[15].toFixed(2)} ms, ${speed(times[15])}; best ${speed(times[0])}`);
}

console.log(`${m} x ${k} x ${n}`, addon.info());
report('forward', 1, () => addon.linear(x, weight, bias, y, m, n, k));
report('backward', 2, () => {
  addon.linearGradInput(y, weight, dx, m, n, k);
  addon.linearGradWeight(y, x, dw, m, n, k);
  addon.linearGradBias(y, db);
});
