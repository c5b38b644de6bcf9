// Where two backends round a quantized encoder's inputs to different steps of a grid, and how near the middle between two steps
// those values lie: `node tooling/numerics/rounding-ties.mjs sdq-cpu cuda`. The weights, the batch and the grids are the same.
import { roundHalfEven } from '@sdq/kernels';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { useCuda } from '@sdq/kernels-cuda';
import { useWebGpu } from '@sdq/kernels-webgpu';
import { FloatOps, forward } from '@sdq/models';
import { syntheticModel } from '@sdq/pipeline';
import { FakeQuantizedOps } from '@sdq/quantizers';
import * as tf from '@tensorflow/tfjs';

const USES = { 'sdq-cpu': useSdqCpu, cuda: useCuda, webgpu: useWebGpu };
const names = process.argv.slice(2);
if (names.length !== 2 || !names.every((name) => name in USES)) {
  throw new Error(`Name two backends of ${Object.keys(USES).join(', ')}.`);
}

/** Remembers what each linear reads. */
class WatchedOps extends FakeQuantizedOps {
  inputs = new Map();

  /** @override */
  linear(site, x, weight, bias) {
    this.inputs.set(site, x.dataSync().slice());
    return super.linear(site, x, weight, bias);
  }
}

/** @type {ReadonlyMap<string, import('@sdq/core').AffineGrid>} */
let grids = new Map();
const sides = [];
for (const name of names) {
  await USES[name]();
  const model = syntheticModel({ hidden: 384, layers: 4, mode: 'qat', lengths: Array(8).fill(32) });
  if (sides.length === 0) grids = model.grids;
  const ops = new WatchedOps(new FloatOps(), model.plan, { grids: new Map(grids) });
  const { config, parameters, head } = model.model;
  const logits = tf.tidy(() => forward(ops, config, parameters, model.batch, head).logits.dataSync().slice());
  sides.push({ inputs: ops.inputs, logits });
  model.dispose();
}
const [one, other] = sides;
console.log(
  '| input of | values | other steps | from a middle, steps | apart, steps |\n| --- | --- | --- | --- | --- |',
);
for (const [site, values] of one.inputs) {
  const scale = Math.fround(grids.get(site)?.scale ?? Number.NaN);
  const steps = values.map((value) => value / scale);
  const others = other.inputs.get(site).map((value) => value / scale);
  const turned = [...steps.keys()].filter((i) => roundHalfEven(steps[i]) !== roundHalfEven(others[i]));
  const fromMiddle = (step) => Math.abs(step - Math.floor(step) - 0.5);
  const figures = [
    largest(turned.map((i) => fromMiddle(steps[i]))),
    largest(steps.map((step, i) => Math.abs(step - others[i]))),
  ];
  const cells = [site, values.length, turned.length, ...figures.map((figure) => figure.toExponential(1))];
  console.log(`| ${cells.join(' | ')} |`);
}
console.log(`logits: ${largest(one.logits.map((logit, i) => Math.abs(logit - other.logits[i])))} apart`);

function largest(values) {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
