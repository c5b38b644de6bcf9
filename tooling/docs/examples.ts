import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A piece of TypeScript that the documentation shows. */
export interface Example {
  /** The file, and which of its examples, from 1. */
  readonly name: string;
  readonly code: string;
}

/** The pages that people read: the README, those of `docs/`, and the packages' READMEs. */
export function findPages(root: string): string[] {
  const docs = ['docs', 'docs/results'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  );
  const readmes = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  return ['README.md', ...docs, ...readmes.filter((file) => existsSync(join(root, file)))];
}

/** The examples in the docstrings of all packages and on all pages. */
export function findExamples(root: string): Example[] {
  const packages = join(root, 'packages');
  const sources = readdirSync(packages).flatMap((name) =>
    readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => `packages/${name}/src/${file}`),
  );
  return [...sources, ...findPages(root)].flatMap((file) => blocks(root, file));
}

/** A file that a page shows, in a block whose first line names it: ```json [plan.json]. */
export interface ShownFile {
  readonly page: string;
  readonly name: string;
  readonly text: string;
}

/** The files that pages show, for the examples and commands that read them. */
export function findShownFiles(root: string): ShownFile[] {
  return findPages(root).flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/^```\w+ \[(.+?)\]\n(.*?)^```$/gms)].map(
      ([, name, text]) => ({ page, name: name!, text: text! }),
    ),
  );
}

function blocks(root: string, file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  const fenced = file.endsWith('.md') ? /^```ts\n(.*?)^```$/gms : /^\s*\* ```ts\n(.*?)^\s*\* ```$/gms;
  return [...text.matchAll(fenced)].map(([, body], i) => ({
    name: `${file} ${i + 1}`,
    code: file.endsWith('.md') ? body! : body!.replaceAll(/^\s*\* ?/gm, ''),
  }));
}

/** The example as a module that calls `check(value, comment)` for each statement with a value in its comment. */
export function checkedModule({ code }: Example): string {
  const lines = code.split('\n').map((line) => {
    const match = /^(?!const |let |import |export |declare |throw |await )(\S.*); \/\/ (.+)$/.exec(line);
    return match ? `__check(${match[1]}, ${JSON.stringify(match[2])});` : line;
  });
  return `const __check = (globalThis as unknown as { checkExample: (value: unknown, comment: string) => void }).checkExample;\n${lines.join('\n')}\nexport {};\n`;
}

/** The value that a comment states, or undefined when it is prose. */
export function statedValue(comment: string): { readonly value: unknown } | undefined {
  const literal = comment.replace(/^(Int8|Int32|Float32)Array /, '').replace(/ to f32 rounding$/, '');
  try {
    return { value: new Function(`return (${literal});`)() };
  } catch {
    return undefined;
  }
}
