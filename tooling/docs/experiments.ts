import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The names of the experiment files of the repository, without `.ts`. */
export function experimentNames(root: string): string[] {
  return readdirSync(join(root, 'experiments'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''));
}
