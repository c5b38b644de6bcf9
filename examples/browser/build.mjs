// Builds the page into a folder: `node build.mjs dist`. The model is trained on the way, on the CPU.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { topicsFolder } from '@sdq/xglue';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const common = {
  absWorkingDir: here,
  bundle: true,
  format: 'esm',
  conditions: ['sdq-source'],
  logLevel: 'error',
};

/** Builds the page; gives the share of right answers that its model had on the CPU. */
export async function buildPage(folder) {
  mkdirSync(folder, { recursive: true });
  await build({
    ...common,
    entryPoints: ['src/page.ts'],
    outfile: join(folder, 'page.js'),
    platform: 'browser',
    target: 'es2022',
    minify: true,
    // Readers of files, which the page does not use and which are dropped.
    external: ['node:*', 'yauzl', 'webgpu'],
  });
  // Beside this file, where its packages are found.
  const maker = join(here, `make-model-${process.pid}.mjs`);
  await build({
    ...common,
    stdin: {
      contents: `export { makeModel } from './src/make-model.ts'; export { readSentences } from './src/sentences.ts';`,
      resolveDir: here,
    },
    outfile: maker,
    platform: 'node',
    packages: 'external',
    conditions: [],
  });
  try {
    const { makeModel, readSentences } = await import(pathToFileURL(maker).href);
    const sentences = readSentences(topicsFolder());
    const { model, accuracy } = await makeModel(sentences);
    writeFileSync(join(folder, 'data.json'), JSON.stringify({ model, accuracy, sentences }));
    copyFileSync(join(here, 'index.html'), join(folder, 'index.html'));
    return accuracy;
  } finally {
    rmSync(maker, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? 'dist';
  const accuracy = await buildPage(folder);
  process.stdout.write(
    `${folder}: the model is right about ${(100 * accuracy).toFixed(1)} % of the test sentences.\n`,
  );
}
