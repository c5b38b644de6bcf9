/**
 * The words of a text, punctuation marks each as one, as treebanks have them; by spaces alone, as `sdq predict` splits,
 * Chinese or Thai would be one word.
 */
export function splitWords(text: string): string[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });
  return [...segmenter.segment(text)].map(({ segment }) => segment).filter((word) => word.trim() !== '');
}
