import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A piece of TypeScript that the documentation shows. */
export interface Example {
  /** The file, and which of its examples, from 1. */
  readonly name: string;
  readonly code: string;
}

/** The examples in the docstrings and READMEs of all packages. */
export function findExamples(root: string): Example[] {
  const packages = join(root, 'packages');
  return readdirSync(packages).flatMap((name) => {
    const sources = readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => `packages/${name}/src/${file}`);
    return [...sources, `packages/${name}/README.md`].flatMap((file) => blocks(root, file));
  });
}

function blocks(root: string, file: string): Example[] {
  let text: string;
  try {
    text = readFileSync(join(root, file), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
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
