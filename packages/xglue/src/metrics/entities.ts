/** A run of tags that make one entity; `end` is its last word. */
export interface Entity {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** How a tag gives the entity's type: the part after the first hyphen, or (seqeval before 1.0) after the last. */
export type TypeRule = 'first-hyphen' | 'last-hyphen';

/** What a sentence contributes to precision and recall. */
export interface EntityCounts {
  readonly correct: number;
  readonly predicted: number;
  readonly gold: number;
}

/**
 * The entities of a tag sequence by the lenient rule of CoNLL-2000's `conlleval`, as seqeval's `get_entities`
 * has it: the prefix is the tag's first character, whatever it is, and a change of type ends an entity.
 */
export function entities(tags: readonly string[], rule: TypeRule): Entity[] {
  const found: Entity[] = [];
  let previous = { prefix: 'O', type: '' };
  let start = 0;
  for (let i = 0; i <= tags.length; i++) {
    const tag = tags[i] ?? 'O';
    const current = { prefix: tag.charAt(0), type: typeOf(tag, rule) };
    if (ends(previous, current)) found.push({ type: previous.type, start, end: i - 1 });
    if (starts(previous, current)) start = i;
    previous = current;
  }
  return found;
}

/**
 * Counts over all sentences, which are laid end to end with an "O" between, as the official scorer does: a
 * prediction that is too short is filled up with "O"; one that is too long shifts all that follow it.
 *
 * @param gold [sentences][words]
 * @param predictions [sentences][words]
 */
export function countEntities(
  gold: readonly (readonly string[])[],
  predictions: readonly (readonly string[])[],
  rule: TypeRule,
): EntityCounts {
  const padded = Array.from({ length: Math.max(gold.length, predictions.length) }, (_, i) => {
    const tags = [...(predictions[i] ?? [])];
    while (tags.length < (gold[i]?.length ?? 0)) tags.push('O');
    return tags;
  });
  const key = (entity: Entity) => `${entity.start} ${entity.end} ${entity.type}`;
  const goldKeys = new Set(entities(endToEnd(gold), rule).map(key));
  const predicted = entities(endToEnd(padded), rule).map(key);
  const correct = predicted.filter((entity) => goldKeys.has(entity)).length;
  return { correct, predicted: predicted.length, gold: goldKeys.size };
}

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

const endToEnd = (sentences: readonly (readonly string[])[]): string[] =>
  sentences.flatMap((tags) => [...tags, 'O']);

function typeOf(tag: string, rule: TypeRule): string {
  if (rule === 'last-hyphen') return tag.slice(tag.lastIndexOf('-') + 1);
  const rest = tag.slice(1);
  return rest.slice(rest.indexOf('-') + 1) || '_';
}

function ends(previous: Tag, current: Tag): boolean {
  if (oneOf('ES', previous)) return true;
  if (oneOf('BI', previous) && oneOf('BSO', current)) return true;
  return !oneOf('O.', previous) && previous.type !== current.type;
}

function starts(previous: Tag, current: Tag): boolean {
  if (oneOf('BS', current)) return true;
  if (oneOf('ESO', previous) && oneOf('EI', current)) return true;
  return !oneOf('O.', current) && previous.type !== current.type;
}

const oneOf = (prefixes: string, tag: Tag): boolean => tag.prefix !== '' && prefixes.includes(tag.prefix);
