// node tooling/bench/loss-costs.mjs: what a distillation loss costs, forward and backward, beside Att-KLD's in turn.
import { tapKey } from '@sdq/core';
import { LOSS_NAMES, namedLoss } from '@sdq/distillation';
import { useSdqCpu } from '@sdq/kernels-cpu';
import * as tf from '@tensorflow/tfjs';
import { machine } from './machine.mjs';
import { inTurn, timed } from './pairs.mjs';

const MODEL = { layers: 12, heads: 12, hiddenSize: 384 };
const ROLES = /** @type {const} */ (['query', 'key', 'value', 'attention', 'attention-output', 'hidden']);
const LENGTH = 64;
const SEQUENCES = 16;
const CLASSES = 17;

await useSdqCpu();
const tokens = LENGTH * SEQUENCES;
let seed = 0;
const normals = (width) => tf.randomNormal([tokens, width], 0, 1, 'float32', ++seed);
const taps = Array.from({ length: MODEL.layers }, (_, layer) =>
  ROLES.map((role) => ({ role, layer })),
).flat();
const show = () => ({
  logits: normals(CLASSES),
  shown: new Map(taps.map((point) => [tapKey(point), normals(MODEL.hiddenSize)])),
});
const [teacher, student] = [show(), show()];
const offsets = Int32Array.from({ length: SEQUENCES + 1 }, (_, i) => i * LENGTH);
const context = { offsets, teacher: MODEL, student: MODEL };

/** Milliseconds of one loss with the gradients at all that it reads. */
function run(loss) {
  const read = taps.filter((point) => loss.taps(point, MODEL)).map(tapKey);
  const points = read.length === 0 ? [student.logits] : read.flatMap((key) => student.shown.get(key) ?? []);
  const at = (...xs) => {
    const own = new Map(read.map((key, i) => [key, xs[i]]));
    return loss.compute(teacher, { logits: read.length === 0 ? xs[0] : student.logits, shown: own }, context);
  };
  return timed(() =>
    tf.tidy(
      () =>
        void tf
          .valueAndGrads(at)(points)
          .grads.map((x) => x.dataSync()),
    ),
  );
}

const { cpu, path, threads } = machine();
console.log(
  `${cpu}; ${path}, ${threads} threads; ${SEQUENCES} sequences of ${LENGTH} tokens, 12 layers, hidden 384\n`,
);
console.log('| loss | layers | ms | times Att-KLD (quartiles) |\n|---|---|---|---|');
for (const name of LOSS_NAMES) {
  /** @type {('all' | 'last')[]} */
  const choices = name === 'logit-kl' ? ['all'] : ['all', 'last'];
  for (const layers of choices) {
    const loss = namedLoss(name, { layers });
    const attKld = namedLoss('att-kld', { layers: 'all' });
    const { ours, ratio, spread } = await inTurn(
      () => run(loss),
      () => run(attKld),
      15,
    );
    const [low, high] = spread.map((value) => (1 / value).toFixed(2)).reverse();
    console.log(
      `| ${name} | ${layers} | ${ours.toFixed(2)} | ${(1 / ratio).toFixed(2)} (${low} to ${high}) |`,
    );
  }
}
