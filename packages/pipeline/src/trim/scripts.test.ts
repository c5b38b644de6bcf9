import { expect, it } from 'vitest';
import { scriptsOf } from './scripts.ts';

it('tells single characters of the scripts of languages', () => {
  const matching = (languages: string[]) =>
    ['a', '▁é', 'ж', '##ж', 'ش', '猫', 'の', '고', 'ก', '7', '▁!', '😀', 'ab', '▁', '\u0301'].filter(
      (piece) => scriptsOf(languages).test(piece),
    );
  const common = ['7', '▁!', '😀', '▁', '\u0301'];
  expect(matching(['en'])).toEqual(['a', '▁é', ...common]);
  expect(matching(['ru', 'zh'])).toEqual(['ж', '##ж', '猫', ...common]);
  expect(matching(['ja', 'ur'])).toEqual(['ش', '猫', 'の', ...common]);
  expect(matching(['ko', 'th'])).toEqual(['猫', '고', 'ก', ...common]);
  expect(matching(['sr-Latn'])).toEqual(['a', '▁é', ...common]);
});

it('refuses what is no language', () => {
  expect(() => scriptsOf(['en', 'no such'])).toThrow('"no such" is no code of a language');
});
