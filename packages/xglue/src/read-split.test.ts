import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasXglue, xglue } from '../test/shared-data.ts';
import { taskLabels } from './labels.ts';
import { listLanguages } from './layout.ts';
import type { DataNote } from './lines.ts';
import { readSplit } from './read-split.ts';
import { type SplitName, tasks } from './tasks.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xglue-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string | Buffer>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const read = (task: string, language: string, split: SplitName = 'dev', onNote?: (note: DataNote) => void) =>
  readSplit({ folder, task, language, split, ...(onNote && { onNote }) });

describe('readSplit', () => {
  it('splits words from tags at the last space', () => {
    write({ 'POS/labels': 'NOUN\nNUM\n', 'POS/vi.dev': '20 000 NUM\nđồng NOUN\n\n\nnhà NOUN\n' });
    expect(read('POS', 'vi')).toEqual([
      { kind: 'words', words: ['20 000', 'đồng'], labels: ['NUM', 'NOUN'] },
      { kind: 'words', words: ['nhà'], labels: ['NOUN'] },
    ]);
  });

  it('leaves out an empty title, and says so', () => {
    write({ 'NC/xglue.nc.en.train': '\tThe sea.\ttravel\nA title\tA body\tsports\n' });
    const notes: DataNote[] = [];
    expect(read('NC', 'en', 'train', (note) => notes.push(note))).toEqual([
      { kind: 'text', texts: ['The sea.'], label: 'travel' },
      { kind: 'text', texts: ['A title', 'A body'], label: 'sports' },
    ]);
    expect(notes).toEqual([{ kind: 'empty-field', file: join(folder, 'NC/xglue.nc.en.train'), line: 1 }]);
  });

  it('reads both layouts of XNLI, and its headed training file', () => {
    const header = 'language\tgold_label\ta\tb\tc\td\tsentence1\tsentence2\tpairID\n';
    write({
      'XNLI/multinli.train.en.tsv': 'premise\thypo\tlabel\nIt rains.\tIt is dry.\tcontradictory\n',
      'XNLI/en.dev': 'A.\tB.\tneutral\n',
      'XNLI/xnli.dev.tsv': `${header}sw\tentailment\t\t\t\t\tMoja.\tMbili.\t7\nen\tneutral\t\t\t\t\tC.\tD.\t8\n`,
    });
    expect(read('XNLI', 'en', 'train')[0]).toMatchObject({ label: 'contradiction' });
    expect(read('XNLI', 'en')).toEqual([{ kind: 'text', texts: ['A.', 'B.'], label: 'neutral' }]);
    expect(read('XNLI', 'sw')).toEqual([{ kind: 'text', texts: ['Moja.', 'Mbili.'], label: 'entailment' }]);
  });

  it('tells official languages from others', () => {
    write({ 'PAWSX/ja/dev_2k.tsv': '', 'PAWSX/de/dev_2k.tsv': '', 'PAWSX/en/train.tsv': '' });
    expect(listLanguages(folder, 'PAWSX', 'dev')).toEqual([
      { language: 'de', official: true },
      { language: 'ja', official: false },
    ]);
  });

  it('takes a byte order mark and carriage returns, and counts them', () => {
    const head = '\uFEFFid\tsentence1\tsentence2\tlabel\r\n';
    write({ 'PAWSX/de/dev_2k.tsv': `${head}1\tEins.\tZwei.\t1\r\n` });
    const notes: DataNote[] = [];
    expect(read('PAWSX', 'de', 'dev', (note) => notes.push(note))).toEqual([
      { kind: 'text', texts: ['Eins.', 'Zwei.'], label: '1', id: '1' },
    ]);
    expect(notes.map((note) => note.kind)).toEqual(['byte-order-mark', 'carriage-return', 'carriage-return']);
  });

  it('reads test files without labels where asked to', () => {
    write({ 'QAM/xglue.qam.de.test': 'Wer?\tEr.\n' });
    expect(() => read('QAM', 'de', 'test')).toThrow(':1 has 2 columns: expected 3');
    expect(readSplit({ folder, task: 'QAM', language: 'de', split: 'test', unlabelled: true })).toEqual([
      { kind: 'text', texts: ['Wer?', 'Er.'], label: '' },
    ]);
  });

  it.each([
    ['an unknown task', () => read('POSS', 'en'), 'Unknown task "POSS": choose one of NER, POS'],
    [
      'a folder that is not there',
      () => readSplit({ folder: '/none', task: 'NC', language: 'en', split: 'dev' }),
      'holds NC/',
    ],
    ['a folder without the task', () => read('NER', 'en'), /No folder NER in .*: it has POS, NC, XNLI/],
    [
      'a language that is not there',
      () => read('POS', 'xx'),
      'Unknown POS dev language "xx": choose one of de, en, es',
    ],
    ['a split that is not there', () => read('POS', 'en', 'train'), 'No train split of POS: expected'],
    ['an unknown split', () => read('POS', 'en', 'valid' as SplitName), 'Unknown split "valid"'],
    ['a word without a tag', () => read('POS', 'en'), /en\.dev:2 has no label: expected "word label"/],
    [
      'a tag outside the set',
      () => read('POS', 'de'),
      /de\.dev:1 has the label "NUON": expected one of NOUN, VERB/,
    ],
    ['an empty file', () => read('POS', 'es'), /es\.dev has no examples in es/],
    ['invalid UTF-8', () => read('NC', 'de'), /xglue\.nc\.de\.dev:2 is not valid UTF-8/],
    [
      'too few columns',
      () => read('NC', 'en'),
      /xglue\.nc\.en\.dev:1 has 2 columns: expected 3 \(title, body, category\)/,
    ],
    ['a line without text', () => read('NC', 'fr'), /xglue\.nc\.fr\.dev:1 has no text/],
    [
      'a file without its header',
      () => read('XNLI', 'en', 'train'),
      /tsv:1 is an example: expected a header/,
    ],
  ])('names %s', (_, act, message) => {
    write({
      'POS/labels': 'NOUN\nVERB\n',
      'POS/en.dev': 'dog NOUN\nruns\n',
      'POS/de.dev': 'Hund NUON\n',
      'POS/es.dev': '',
      'NC/xglue.nc.en.train': 'a\tb\tc\n',
      'NC/xglue.nc.en.dev': 'a\tc\n',
      'NC/xglue.nc.fr.dev': ' \t\tc\n',
      'NC/xglue.nc.de.dev': Buffer.from([0x61, 9, 0x62, 9, 0x63, 10, 0x61, 9, 0xff, 9, 0x63, 10]),
      'XNLI/multinli.train.en.tsv': 'a\tb\tneutral\n',
    });
    expect(act).toThrow(message);
  });
});

describe.skipIf(!hasXglue)('the real data', () => {
  it.each(['NER', 'POS', 'NC', 'XNLI', 'PAWSX'])('of %s is read whole', (task) => {
    expect(taskLabels(xglue, task).length).toBeGreaterThan(1);
    for (const split of ['train', 'dev'] as const) {
      const languages = listLanguages(xglue, task, split);
      expect(languages.length).toBeGreaterThan(0);
      for (const { language } of languages) {
        expect(readSplit({ folder: xglue, task, language, split }).length).toBeGreaterThan(90);
      }
    }
  });

  it('has every official language of the tasks it holds', () => {
    for (const { name, languages } of tasks.slice(0, 6)) {
      const found = listLanguages(xglue, name, 'dev').map((one) => one.language);
      expect(found).toEqual(expect.arrayContaining([...languages]));
    }
  });
});
