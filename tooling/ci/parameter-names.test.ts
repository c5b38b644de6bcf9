import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const packages = fileURLToPath(new URL('../../packages', import.meta.url));

/** What the names of a checkpoint's parameters are made of, in a text or in a pattern. */
const NAMES =
  /encoder\\?\.layer\b|LayerNorm\\?\.(weight|bias)|word_embeddings|(?<!max_)position_embeddings|token_type_embeddings|attention\\?\.(self|output)\b|intermediate\\?\.dense|output\\?\.dense|\bout_proj|pooler\\?\.dense/;

it('lets the families alone know the names of parameters', () => {
  expect(filesWithNames(), 'select by role and layer').toEqual([]);
});

it('knows a name in a text and in a pattern, and none in a comment', () => {
  expect(namesIn(`const site = 'encoder.layer.0.attention.self.query';`)).toBe(true);
  expect(namesIn('const layer = /encoder\\.layer\\.(\\d+)/;')).toBe(true);
  expect(namesIn(`name.endsWith('LayerNorm.weight')`)).toBe(true);
  expect(namesIn(' * `encoder.layer.0.output.dense` is a site')).toBe(false);
  expect(namesIn('// as encoder.layer.0')).toBe(false);
  expect(namesIn(`const kernel = 'sdqLayerNorm';`)).toBe(false);
});

function filesWithNames(): string[] {
  return readdirSync(packages)
    .flatMap((name) =>
      sources(join(packages, name, 'src'))
        .filter((file) => !file.startsWith(join(packages, 'models/src/families')))
        .filter((file) => namesIn(readFileSync(file, 'utf8')))
        .map((file) => `${name}/${basename(file)}`),
    )
    .sort();
}

function namesIn(text: string): boolean {
  return text.split('\n').some((line) => !/^\s*(\*|\/\*|\/\/)/.test(line) && NAMES.test(line));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .map((file) => join(folder, file));
}
