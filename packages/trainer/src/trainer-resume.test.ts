import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@sdq/core';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recorder } from '../../pipeline/test/recorder.ts';
import { toyExamples, toyLoss, toyRecipe, toyVariables } from '../../pipeline/test/toy-training.ts';
import { type TrainingRequest, train } from './trainer.ts';
import type { TrainingRecipe } from './training-recipe.ts';

beforeAll(() => tf.setBackend('cpu'));
const root = mkdtempSync(join(tmpdir(), 'sdq-resume-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Attempt {
  readonly folder?: string;
  readonly recipe?: Partial<TrainingRecipe>;
  readonly sparse?: string;
  /** Throws as this step (from 1) begins, as if the process died. */
  readonly dieAt?: number;
  /** At this step the loss is NaN. */
  readonly nanAt?: number;
  /** 3 unless given; `default` for the trainer's own. */
  readonly everySteps?: number | 'default';
  readonly identity?: unknown;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number) => void;
  readonly scores?: readonly number[];
}

/** Trains the toy; the loss keeps a number from step to step, as a moving average does. */
async function attempt(options: Attempt) {
  const variables = toyVariables();
  const { folder, dieAt, everySteps = 3, scores = [0.1, 0.5, 0.3, 0.4, 0.2] } = options;
  const events: RunEvent[] = [];
  let shift = 1;
  let evaluations = 0;
  const request: TrainingRequest = {
    stage: 'test',
    examples: toyExamples,
    variables,
    roleOf: () => undefined,
    recipe: { ...toyRecipe, epochs: 4, ...options.recipe },
    seed: 0,
    reporter: recorder(events),
    sparse: options.sparse,
    signal: options.signal,
    identity: options.identity,
    checkpoints:
      folder === undefined ? undefined : { folder, ...(everySteps !== 'default' && { everySteps }) },
    state: {
      save: () => ({ shift, evaluations }),
      restore: (saved) => {
        ({ shift, evaluations } = saved as { shift: number; evaluations: number });
      },
    },
    evaluate: async () => scores[evaluations++ % scores.length]!,
    loss: (batch, context) => {
      if (context.step + 1 === dieAt) throw new Error('killed');
      options.onStep?.(context.step + 1);
      shift = 0.9 * shift + 0.1 * context.random.uniform();
      const { total, parts } = toyLoss(variables, batch, context);
      const scale = context.step + 1 === options.nanAt ? Number.NaN : shift;
      return { total: total.mul(scale) as tf.Scalar, parts };
    },
  };
  try {
    const summary = await train(request);
    return { summary, events, values: [...variables.values()].map((variable) => [...variable.dataSync()]) };
  } finally {
    for (const variable of variables.values()) variable.dispose();
  }
}

const RECIPES: Record<string, Omit<Attempt, 'folder'>> = {
  plain: {},
  'rows of a table': { sparse: 'embeddings.weight' },
  'all options': {
    sparse: 'embeddings.weight',
    recipe: {
      accumulate: 2,
      decay: 'cosine',
      layerDecay: 0.8,
      emaDecay: 0.9,
      evaluationsPerEpoch: 2,
      keep: 'best',
      patience: 3,
    },
  },
};

describe.each(Object.entries(RECIPES))('training that dies: %s', (name, options) => {
  it('ends with the same bits, wherever it died', async () => {
    const whole = await attempt(options);
    const deaths = [1, 3, 4, 5, 8, whole.summary.steps];
    const folder = join(root, name);
    for (const dieAt of deaths) {
      await expect(attempt({ ...options, folder, dieAt })).rejects.toThrow('killed');
      const again = await attempt({ ...options, folder });
      expect(again.values, `died at ${dieAt}`).toEqual(whole.values);
      expect(again.summary.steps).toBe(whole.summary.steps);
      expect(again.summary.tokens).toBe(whole.summary.tokens);
      const resumed = again.events.find(({ event }) => event === 'resumed');
      expect(resumed?.step).toBe(dieAt <= 3 ? undefined : 3 * Math.floor((dieAt - 1) / 3));
      rmSync(folder, { recursive: true });
    }
  });

  it('ends with the same bits when it dies again and again', async () => {
    const whole = await attempt(options);
    const folder = join(root, `${name} again`);
    for (const dieAt of [2, 5, 5, 7, 10]) {
      await expect(attempt({ ...options, folder, dieAt, everySteps: 1 })).rejects.toThrow('killed');
    }
    expect((await attempt({ ...options, folder })).values).toEqual(whole.values);
  });

  it('keeps the count of tensors', async () => {
    const before = tf.memory().numTensors;
    const folder = join(root, `${name} tensors`);
    await attempt({ ...options, folder });
    // From the last checkpoint.
    await attempt({ ...options, folder });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('checkpoints', () => {
  it('survive a death while the next one is written', async () => {
    const folder = join(root, 'saving');
    const whole = await attempt({});
    await expect(attempt({ folder, dieAt: 8 })).rejects.toThrow('killed');
    const last = join(folder, 'last.safetensors');
    const bytes = readFileSync(last);
    // What a process that is gone had written of the next one.
    writeFileSync(join(folder, '.last.safetensors.999999999.1.tmp'), bytes.subarray(0, bytes.length / 2));
    expect((await attempt({ folder })).values).toEqual(whole.values);
    expect(readdirSync(folder)).toEqual(['last.safetensors']);
  });

  it('are reported when they are damaged, or of another training', async () => {
    const folder = join(root, 'damaged');
    await attempt({ folder });
    const other = attempt({ folder, recipe: { learningRate: 0.01 } });
    await expect(other).rejects.toMatchObject({ code: 'bad-checkpoint' });
    await expect(attempt({ folder, recipe: { learningRate: 0.01 } })).rejects.toThrow(
      'of other data or another recipe',
    );
    // What the recipe does not say: the losses, the plan, the teacher, and which variables are trained.
    await expect(attempt({ folder, identity: { plan: 'w4a8' } })).rejects.toThrow('plan, loss or teacher');
    await expect(attempt({ folder, sparse: 'embeddings.weight' })).rejects.toMatchObject({
      code: 'bad-checkpoint',
    });
    const last = join(folder, 'last.safetensors');
    truncateSync(last, readFileSync(last).length - 9);
    await expect(attempt({ folder })).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });

  it('are written when training is asked to stop, and it goes on from there', async () => {
    const whole = await attempt({});
    const folder = join(root, 'stopped');
    const stop = new AbortController();
    const onStep = (step: number) => step === 5 && stop.abort();
    const stopped = attempt({
      folder,
      everySteps: 1000,
      signal: stop.signal,
      onStep: (step) => void onStep(step),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
    const again = await attempt({ folder, everySteps: 1000 });
    expect(again.events[0]).toMatchObject({ event: 'resumed', step: 5 });
    expect(again.values).toEqual(whole.values);
  });

  it('are not written by default before a minute is over', async () => {
    const folder = join(root, 'short');
    const { events } = await attempt({ folder, everySteps: 'default' });
    expect(events.some(({ event }) => event === 'checkpoint')).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it('stay when the loss is no longer finite', async () => {
    const folder = join(root, 'infinite');
    const whole = await attempt({});
    await expect(attempt({ folder, nanAt: 5 })).rejects.toThrow('is NaN at step 5');
    expect((await attempt({ folder })).values).toEqual(whole.values);
  });
});
