import { unknownName } from '@sdq/core';
import type { SplitName } from '@sdq/xglue';

const SPLITS: readonly SplitName[] = ['train', 'dev', 'test'];

/** The value of `--split`. */
export function splitFlag(value: string): SplitName {
  const found = SPLITS.find((split) => split === value);
  if (found === undefined) throw unknownName('split', value, SPLITS);
  return found;
}
