import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../packages', import.meta.url));

/** The packages that have a README, by their folders. */
export function packageNames(): string[] {
  return readdirSync(folder).filter((name) => existsSync(`${folder}/${name}/README.md`));
}

/** A page a package: its README. */
export function packagePages() {
  return packageNames().map((name) => ({
    params: { name },
    content: readFileSync(`${folder}/${name}/README.md`, 'utf8'),
  }));
}
