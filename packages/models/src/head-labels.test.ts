import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { loadCheckpoint } from './checkpoint.ts';
import { withLabels } from './head-labels.ts';

const oracles = new URL('../test/oracles/', import.meta.url).pathname;
const load = () => loadCheckpoint(join(oracles, 'bert-sequence'));

async function labelled(labels: readonly string[]) {
  const checkpoint = await load();
  const rows = checkpoint.head!.labels.length;
  expect(labels.length).toBe(rows);
  return { ...checkpoint, head: { ...checkpoint.head!, labels } };
}

/** The row of each output, by label. */
async function rowsOf(name: string) {
  const { tensors, head } = await load();
  const { shape, data } = tensors.get(name)!;
  const width = shape[1] ?? 1;
  return head!.labels.map((_, row) => [...data.subarray(row * width, (row + 1) * width)]);
}

it('gives each label its own row, in any order', async () => {
  const own = ['a', 'b', 'c'].slice(0, (await load()).head!.labels.length);
  for (const name of ['classifier.weight', 'classifier.bias']) {
    const rows = await rowsOf(name);
    const wanted = [...own].reverse();
    const { tensors, head, unused } = withLabels(await labelled(own), wanted, 'm');
    expect({ labels: head.labels, unused }).toEqual({ labels: wanted, unused: [] });
    expect([...tensors.get(name)!.data]).toEqual(wanted.flatMap((label) => rows[own.indexOf(label)]!));
    expect(tensors.get(name)!.shape[0]).toBe(own.length);
    // One that is not asked for is left out.
    const fewer = withLabels(await labelled(own), ['b'], 'm');
    expect([...fewer.tensors.get(name)!.data]).toEqual(rows[1]);
    expect(fewer.unused).toEqual(own.filter((label) => label !== 'b'));
    expect(fewer.tensors.get('pooler.dense.weight')).toBe(fewer.tensors.get('pooler.dense.weight'));
  }
});

it('takes a name in another case where it is the only one', async () => {
  const { labels } = (await load()).head!;
  const own = ['NO', 'Yes', 'x'].slice(0, labels.length);
  expect(withLabels(await labelled(own), ['yes', 'no'], 'm').head.labels).toEqual(['yes', 'no']);
  const alike = ['no', 'No', 'nO'].slice(0, labels.length);
  expect(withLabels(await labelled(alike), ['No'], 'm').unused).toEqual(
    alike.filter((name) => name !== 'No'),
  );
  expect(() => withLabels({ ...checkpointOf(alike) }, ['NO'], 'm')).toThrow(
    'm has no output for the labels NO.',
  );
  function checkpointOf(names: readonly string[]) {
    return { ...loaded, head: { ...loaded.head!, labels: names } };
  }
});

let loaded: Awaited<ReturnType<typeof load>>;
beforeAll(async () => {
  loaded = await load();
});

it('lists what does not match, and says where labels have no names', async () => {
  const own = ['a', 'b', 'c'].slice(0, loaded.head!.labels.length);
  const wanted = ['a', ...Array.from({ length: 700 }, (_, i) => `topic ${i}`)];
  const checkpoint = await labelled(own);
  expect(() => withLabels(checkpoint, wanted, 'm')).toThrow(
    /^m has no output for the labels topic 0, .* and 680 more\. Of its own labels these match none: b/,
  );
  const numbered = await labelled(own.map((_, i) => `LABEL_${i}`));
  expect(() => withLabels(numbered, ['a', 'b'], 'm')).toThrow(/have no names: write them into id2label/);
});
