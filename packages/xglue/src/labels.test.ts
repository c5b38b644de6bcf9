import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkData } from './check-data.ts';
import { taskLabels } from './labels.ts';
import { readSplit } from './read-split.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xglue-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

const TRAIN = 'NC/xglue.nc.en.train';
const topics = ['sea', 'sky', 'farm'];
const body = (i: number) => `Text number ${i}, which is long enough to be one of the news`;
const rows = (count: number, row: (i: number) => string[]) =>
  Array.from({ length: count }, (_, i) => `${row(i).join('\t')}\n`).join('');
const good = rows(30, (i) => [`t${i}`, body(i), topics[i % 3]!]);

/** The message that a run would end with. */
function problem(task = 'NC'): string {
  try {
    const labels = taskLabels(folder, task);
    readSplit({ folder, task, language: 'en', split: 'train', labels });
  } catch (error) {
    const { message } = error as Error;
    expect(message.length).toBeLessThan(500);
    return message;
  }
  return 'none';
}

describe('a training file of texts and labels', () => {
  it.each([
    ['of the benchmark', good, 'none'],
    ['with carriage returns and a byte order mark', `\uFEFF${good.replaceAll('\n', '\r\n')}`, 'none'],
    ['whose first class is rare, as others are', `a\tb\trare\nc\td\tseldom\n${good}`, 'none'],
    ['with a class an example, in few lines', rows(3, (i) => [`t${i}`, body(i), topics[i]!]), 'none'],
    ['with a header', `title\tText\tLABEL\r\n${good}`, ':1 is a header (title, Text, LABEL)'],
    [
      'with a header of other words',
      `Titel\tInhalt\tRubrik\n${good}`,
      ':1 has the label "Rubrik", which no other',
    ],
    [
      'with the label first',
      rows(30, (i) => [topics[i % 3]!, `t${i}`, body(i)]),
      'has 30 different labels in 30 lines: expected the columns title, body, category, and column 1 has only 3',
    ],
    [
      'with the label first and short texts',
      rows(6, (i) => [topics[i % 3]!, `t${i}`, `text ${i}`]),
      'has 6 different labels in 6 lines',
    ],
    [
      'with long texts that come again',
      rows(40, (i) => ['a', 'b', body(i % 4).repeat(3)]),
      'has 4 different labels',
    ],
    [
      'with ids for labels',
      rows(700, (i) => [`t${i}`, body(i), `id-${i}`]),
      'has 700 different labels in 700',
    ],
    ['with many classes', rows(1400, (i) => [`t${i}`, body(i), `class-${i % 700}`]), 'none'],
    [
      'that is CSV',
      'text,label\r\n"One, two",food\r\n',
      ':1 has 1 column: expected 3 (title, body, category) divided by tabs, and this looks like CSV',
    ],
    ['that is JSON Lines', `${JSON.stringify({ text: body(1), label: 'x' })}\n`, ':1 is JSON: expected 3'],
    [
      'that is JSON Lines with tabs',
      `${JSON.stringify({ text: 'a', label: 'x' }, null, '\t').replaceAll('\n', '')}\n`,
      ':1 is JSON',
    ],
    ['that is compressed', gzipSync(good), 'is compressed by gzip: unpack it first'],
    ['that is a zip', Buffer.from('PK\u0003\u0004abc'), 'is a zip archive'],
    ['that is a web page', '\n<!DOCTYPE html><html><body>Not found</body></html>', 'is an HTML page'],
    ['that is UTF-16', Buffer.from(`\uFEFF${good}`, 'utf16le'), 'is UTF-16: convert it to UTF-8'],
    ['that is UTF-16 without a mark', Buffer.from(good, 'utf16le'), 'is UTF-16: convert it to UTF-8'],
    [
      'that is a pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
      'is a pointer of Git LFS',
    ],
    ['that is empty', '', 'has no labels'],
    ['of blank lines', '\n \n\n', 'has no labels'],
  ])('%s', (_, content, message) => {
    write(TRAIN, content);
    expect(problem()).toContain(message);
    if (message !== 'none') {
      const { splits } = checkData(folder);
      expect(splits[0]!.unreadable).toBeGreaterThan(0);
    }
  });

  it('is none: the message says what the folder has', () => {
    write('NC/train.csv', 'text,label\n');
    expect(problem()).toMatch(
      /^No dev split of NC: expected .*xglue\.nc\.en\.dev, but .*NC has train\.csv; CSV files/,
    );
    expect(checkData(folder).problems).toEqual([expect.stringContaining('has train.csv')]);
  });

  it('says where a label stands in a line that has it elsewhere', () => {
    write(TRAIN, good);
    write('NC/xglue.nc.en.dev', `sea\tt\t${body(1)}\n`);
    expect(() => readSplit({ folder, task: 'NC', language: 'en', split: 'dev' })).toThrow(
      /:1 has the label "Text number 1.*": expected one of farm, sea, sky, as column 1 has/,
    );
  });

  it('with a label of a thousand lines or a thousand labels gives a short message', () => {
    write(
      TRAIN,
      rows(1400, (i) => [`t${i}`, body(i), `class-${i % 700}`]),
    );
    write('NC/xglue.nc.en.dev', `a\tb\t${'long '.repeat(10_000)}\n`);
    expect(() => readSplit({ folder, task: 'NC', language: 'en', split: 'dev' })).toThrow(
      /^.{0,700} and 680 more\.$/,
    );
  });
});

describe('a training file of words and labels', () => {
  const words = 'the DET\ncow NOUN\n\nsaw VERB\nhay NOUN\n';
  it.each([
    ['by spaces', words, 'none'],
    ['by tabs', words.replaceAll(' ', '\t'), 'none'],
    ['by tabs, words with spaces', 'the DET\n20 000\tNUM\n', 'none'],
    ['with a header', `word label\n${words}`, ':1 is a header (word, label)'],
    ['with a header and tabs', `token\tner_tags\n${words}`, ':1 is a header (token, ner_tags)'],
    ['of CoNLL-U', '1\tthe\tthe\tDET\t_\t_\t2\tdet\t_\t_\n', ':1 has 10 columns: expected "word label"'],
    [
      'of CoNLL 2003',
      'EU NNP B-NP B-ORG\nrejects VBZ B-VP O\nGerman JJ B-NP B-MISC\ncall NN I-NP O\n',
      ' has 4 columns',
    ],
    ['that is CSV', 'the,DET\ncow,NOUN\n', ':1 looks like CSV: expected "word label"'],
    ['that is JSON Lines', '{"words": ["the"], "tags": ["DET"]}\n', ':1 is JSON: expected "word label"'],
    ['that is compressed', gzipSync(words), 'is compressed by gzip'],
  ])('%s', (_, content, message) => {
    write('POS/en.train', content);
    expect(problem('POS')).toContain(message);
  });

  it('by tabs gives the same examples', () => {
    write('POS/en.train', words.replaceAll(' ', '\t'));
    const tabs = readSplit({ folder, task: 'POS', language: 'en', split: 'train' });
    write('POS/en.train', words);
    expect(readSplit({ folder, task: 'POS', language: 'en', split: 'train' })).toEqual(tabs);
  });
});

it('takes the labels of a test file where there is no other', () => {
  write('NC/xglue.nc.de.test', good);
  expect(taskLabels(folder, 'NC')).toEqual(['farm', 'sea', 'sky']);
  write('POS/fr.test', 'la\tDET\n');
  expect(taskLabels(folder, 'POS')).toEqual(['DET']);
});
