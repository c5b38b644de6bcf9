import { describe, expect, it } from 'vitest';
import { entities } from './entities.ts';
import { nerF1 } from './ner-f1.ts';
import { posPrecision } from './pos-precision.ts';

const show = (tags: string, rule: 'first-hyphen' | 'last-hyphen' = 'first-hyphen') =>
  entities(tags.split(' '), rule).map(({ type, start, end }) => `${type} ${start}-${end}`);

describe('entities', () => {
  it('start at B and at any change of type', () => {
    expect(show('B-PER I-PER O B-LOC')).toEqual(['PER 0-1', 'LOC 3-3']);
    expect(show('I-PER I-PER B-PER I-LOC')).toEqual(['PER 0-1', 'PER 2-2', 'LOC 3-3']);
    expect(show('S-PER E-LOC E-LOC')).toEqual(['PER 0-0', 'LOC 1-1', 'LOC 2-2']);
  });

  it('are runs of one tag where tags have no prefix, but for tags in S', () => {
    expect(show('NOUN NOUN VERB SYM SYM O X', 'last-hyphen')).toEqual([
      'NOUN 0-1',
      'VERB 2-2',
      'SYM 3-3',
      'SYM 4-4',
      'X 6-6',
    ]);
  });
});

describe('nerF1 and posPrecision', () => {
  it('count a missing prediction as O', () => {
    expect(nerF1([['B-PER', 'O'], ['B-LOC']], [['B-PER']])).toBeCloseTo(2 / 3, 12);
    expect(posPrecision([['DET', 'NOUN'], ['VERB']], [['DET'], ['VERB']])).toBe(1);
  });

  it('let one tag too many shift all that follows', () => {
    expect(posPrecision([['DET'], ['VERB']], [['DET', 'NOUN'], ['VERB']])).toBeCloseTo(1 / 3, 12);
  });

  it('are 0 without entities', () => {
    expect(nerF1([['O']], [['O']])).toBe(0);
    expect(posPrecision([['NOUN']], [['O']])).toBe(0);
  });
});
