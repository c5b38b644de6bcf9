/** What {@link neededPieces} chooses from. */
export interface PieceUse {
  /** How often each piece occurs, by id, in any unit. */
  readonly counts: ReadonlyMap<number, number>;
  /** The text of each piece of the vocabulary, by id. */
  readonly texts: ReadonlyMap<number, string>;
}

/**
 * How many times as much it costs to lose a character as to lose a longer piece that occurs as often: what holds the
 * character becomes unknown, where the longer piece is spelled by shorter ones.
 */
const COST_OF_UNKNOWN = 4;

/**
 * The pieces that a text needs most, so many of them: the most frequent ones, and the single characters in which the others
 * can be spelled, as far as those are frequent.
 *
 * @param size - how many to keep, > 0
 * @returns fewer than `size` only where fewer occur or are spelled with; then all of those
 */
export function neededPieces({ counts, texts }: PieceUse, size: number): Set<number> {
  const ids = new Map([...texts].map(([id, text]) => [text, id]));
  const isCharacter = (id: number) => isSingle(texts.get(id) ?? '');
  const longer = [...counts].filter(([id]) => !isCharacter(id)).sort(([a, n], [b, m]) => m - n || a - b);

  /** What each character would have to spell if only the first so many longer pieces stayed. */
  const spelled = (kept: number): Map<number, number> => {
    const uses = new Map([...counts].filter(([id]) => isCharacter(id)));
    for (const [id, n] of longer.slice(kept)) {
      for (const unit of charactersOf(texts.get(id) ?? '')) {
        const character = ids.get(unit);
        if (character !== undefined) uses.set(character, (uses.get(character) ?? 0) + n);
      }
    }
    return uses;
  };
  const worthwhile = (kept: number): number => {
    const least = longer[kept - 1]?.[1] ?? 0;
    return [...spelled(kept).values()].filter((n) => COST_OF_UNKNOWN * n >= least).length;
  };

  // The most longer pieces beside which the characters that are worth as much still fit.
  let fits = 0;
  let tooMany = Math.min(size, longer.length) + 1;
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (middle + worthwhile(middle) <= size) fits = middle;
    else tooMany = middle;
  }
  const characters = [...spelled(fits)].map(([id, n]) => [id, COST_OF_UNKNOWN * n] as const);
  const others = [...characters, ...longer.slice(fits)].sort(([a, n], [b, m]) => m - n || a - b);
  const order = [...longer.slice(0, fits), ...others, ...spelled(0)];
  const needed = new Set<number>();
  for (const [id] of order) if (needed.size < size) needed.add(id);
  return needed;
}

function isSingle(text: string): boolean {
  return text.length <= 2 && [...text].length === 1;
}

/** The pieces of one character that a text may be spelled by: WordPiece marks those that go on a word by "##". */
function charactersOf(text: string): string[] {
  if (!text.startsWith('##')) return [...text].flatMap((one) => [one, `##${one}`]);
  return [...text.slice(2)].map((one) => `##${one}`);
}
