import { expect, it } from 'vitest';
import { teacherLabels } from './teacher-labels.ts';

it.each([
  ['in the same order', ['a', 'b'], ['a', 'b'], ['a', 'b'], []],
  ['in another order', ['c', 'a', 'b'], ['a', 'b', 'c'], ['c', 'a', 'b'], []],
  ['beside others', ['x', 'b', 'y', 'a'], ['a', 'b'], ['x', 'b', 'y', 'a'], ['x', 'y']],
  ['in another case', ['NO', 'Yes'], ['yes', 'no'], ['no', 'yes'], []],
  ['beside one in another case', ['No', 'no', 'yes'], ['yes', 'no'], ['No', 'no', 'yes'], ['No']],
])('matches labels %s', (_, own, wanted, labels, extra) => {
  expect(teacherLabels(own, wanted, 'm')).toEqual({ labels, extra });
});

it('lists what does not match, and says where labels have no names', () => {
  const many = ['a', ...Array.from({ length: 700 }, (_, i) => `topic ${i}`)];
  expect(() => teacherLabels(['a', 'b'], many, 'm')).toThrow(
    /^m has no output for the labels topic 0, .* and 680 more\. Of its own labels these match none: b\.$/,
  );
  expect(() => teacherLabels(['LABEL_0', 'LABEL_1'], ['a', 'b'], 'm')).toThrow(
    'm has no output for the labels a, b. Its labels LABEL_0, LABEL_1 have no names: write them into id2label',
  );
  // Two that differ in case alone: neither is meant.
  expect(() => teacherLabels(['NO', 'No', 'yes'], ['no', 'yes'], 'm')).toThrow(
    'has no output for the labels no.',
  );
  expect(() => teacherLabels(['a', 'a'], ['a'], 'm')).toThrow('has no output for the labels a.');
  expect(() => teacherLabels(['a'], ['a', 'b'], 'm')).toThrow('All of its own labels match one.');
});
