import { type Example, task } from '@sdq/xglue';
import { expect, it } from 'vitest';
import { holdOut, sharedText } from './held-out.ts';

const text = (i: number): Example => ({ kind: 'text', texts: [`text ${i}`], label: 'a' });
const texts = (count: number) => Array.from({ length: count }, (_, i) => text(i));
const split = (examples: readonly Example[], most = Number.POSITIVE_INFINITY, name = 'NC') =>
  holdOut(
    examples,
    (example) => sharedText(example, task(name)),
    (heldOut) => heldOut.length >= most,
  );

it('holds out at most a tenth, no more than enough, and one example of few', () => {
  for (const [count, heldOut] of [
    [0, 0],
    [1, 0],
    [2, 1],
    [19, 1],
    [40, 2],
    [1000, 7],
  ] as const) {
    const { train, heldOut: found } = split(texts(count), 7);
    expect(found, `${count}`).toHaveLength(heldOut);
    expect(new Set([...train, ...found]).size).toBe(count);
    expect(train).toHaveLength(count - heldOut);
  }
});

it('depends on the texts alone, and keeps the order of the others', () => {
  const all = texts(100);
  const { train, heldOut } = split(all);
  const reversed = split([...all].reverse());
  expect(reversed.heldOut).toEqual(heldOut);
  expect([...reversed.train].reverse()).toEqual(train);
  // With fewer examples, those that were held out before still are, as far as the tenth goes.
  const half = split(all.slice(0, 50));
  expect(half.heldOut).toHaveLength(2);
  const before = heldOut.filter((example) => all.indexOf(example) < 50);
  expect(half.heldOut.slice(0, before.length)).toEqual(before.slice(0, 2));
});

it('keeps texts that repeat, and the questions about a context, on one side', () => {
  const twice = texts(40).flatMap((example) => [example, { ...example, label: 'b' }]);
  const key = (example: Example) => JSON.stringify(example.kind === 'text' && example.texts);
  const { train, heldOut } = split(twice as Example[]);
  expect(heldOut).toHaveLength(4);
  const trained = new Set(train.map(key));
  expect(heldOut.some((example) => trained.has(key(example)))).toBe(false);
  const question = (i: number, context: number): Example => ({
    kind: 'span',
    id: `${i}`,
    question: `q ${i}`,
    context: `context ${context}`,
    answers: [],
  });
  const asked = Array.from({ length: 120 }, (_, i) => question(i, Math.floor(i / 3)));
  const contexts = split(asked);
  expect(contexts.heldOut).toHaveLength(6);
  expect(new Set(contexts.heldOut.map((example) => (example as { context: string }).context)).size).toBe(2);
  expect(split(asked.slice(0, 3)).heldOut).toEqual([]);
});

it('keeps the hypotheses about a premise on one side', () => {
  const pair = (i: number): Example => ({
    kind: 'text',
    texts: [`premise ${Math.floor(i / 3)}`, `hypothesis ${i}`],
    label: 'neutral',
  });
  const pairs = Array.from({ length: 120 }, (_, i) => pair(i));
  const premises = (examples: readonly Example[]) =>
    new Set(examples.map((example) => example.kind === 'text' && example.texts[0]));
  const { train, heldOut } = split(pairs, undefined, 'XNLI');
  expect(heldOut).toHaveLength(6);
  expect(premises(train).size + premises(heldOut).size).toBe(40);
});
