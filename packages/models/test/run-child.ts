import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

const sources = new URL('../src/', import.meta.url).pathname;
const core = new URL('../../core/src/', import.meta.url).pathname;

/**
 * Starts a process of its own that runs `script` with this package's file-writing sources, for tests that kill it
 * or bound what it may write. The script imports from './safetensors.js' and its like.
 */
export async function runChild(folder: string, script: string, shellPrefix = ''): Promise<ChildProcess> {
  const code = join(folder, 'code');
  await mkdir(code, { recursive: true });
  await writeFile(join(code, 'package.json'), '{"type":"module"}');
  await transpile(join(core, 'errors.ts'), join(code, 'core.js'));
  await transpile(join(core, 'bounded-text.ts'), join(code, 'bounded-text.js'));
  for (const file of ['atomic-file', 'safetensors', 'read-fully', 'half-float']) {
    await transpile(join(sources, `files/${file}.ts`), join(code, `${file}.js`));
  }
  await transpile(join(sources, 'host-tensor.ts'), join(code, 'host-tensor.js'));
  await writeFile(join(code, 'script.js'), script);
  const command = `${shellPrefix} exec "$NODE" "$SCRIPT"`;
  return spawn('bash', ['-c', command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE: process.execPath, SCRIPT: join(code, 'script.js') },
  });
}

/** What the process wrote to its output, once it has ended. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => child.on('close', resolve));
  return text;
}

/** The names of a folder's files, in order. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

async function transpile(from: string, to: string): Promise<void> {
  const source = await readFile(from, 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  await writeFile(
    to,
    outputText
      .replaceAll("'@sdq/core'", "'./core.js'")
      .replaceAll(/from '\.{1,2}\/([\w-]+)\.ts'/g, "from './$1.js'"),
  );
}
