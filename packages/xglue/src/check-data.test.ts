import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasXglue, xglue } from '../test/shared-data.ts';
import { checkData } from './check-data.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xglue-'));
  cpSync(fileURLToPath(new URL('../test/fixtures/xglue', import.meta.url)), folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const report = (task: string, split: string, language: string) =>
  checkData(folder).splits.find(
    (one) => one.task === task && one.split === split && one.language === language,
  );

describe('checkData', () => {
  it('finds nothing wrong with the committed files of all 11 tasks', () => {
    const { splits, absentTasks, absentLanguages } = checkData(folder);
    expect(new Set(splits.map(({ task }) => task)).size).toBe(11);
    expect(splits.flatMap(({ problems }) => problems)).toEqual([]);
    expect(absentTasks).toEqual([]);
    expect(absentLanguages).toContain('PAWSX dev es');
    expect(absentLanguages).not.toContain('PAWSX dev ja');
  });

  it('goes on after lines that do not parse, and names the first of them', () => {
    const lines = [
      'One.\tTwo.\tneutral',
      'One.\tTwo.\tperhaps',
      'One.',
      'Three.\t\tneutral',
      'One.\tTwo.\tneutral',
    ];
    writeFileSync(join(folder, 'XNLI/de.dev'), `\uFEFF${lines.join('\r\n')}\r\n`);
    expect(report('XNLI', 'dev', 'de')).toMatchObject({
      examples: 3,
      labels: { neutral: 3 },
      repeated: 1,
      unreadable: 2,
      notes: { 'byte-order-mark': 1, 'carriage-return': 5, 'empty-field': 1 },
      problems: [
        expect.stringContaining('de.dev:2 has the label "perhaps"'),
        expect.stringContaining('de.dev:3 has 1 column'),
      ],
    });
  });

  it('counts what dev shares with train', () => {
    writeFileSync(
      join(folder, 'QAM/xglue.qam.en.dev'),
      'how tall is the tower\tVisit the tower on Sundays.\t1\n',
    );
    expect(report('QAM', 'dev', 'en')).toMatchObject({ examples: 1, shared: { train: 1 } });
  });

  it('takes test files without labels', () => {
    writeFileSync(join(folder, 'NC/xglue.nc.de.test'), 'Titel\tText.\n');
    writeFileSync(join(folder, 'NTG/xglue.ntg.de.src.test'), 'Text.\n');
    expect(report('NC', 'test', 'de')).toMatchObject({ examples: 1, labels: {}, problems: [] });
    expect(report('NTG', 'test', 'de')).toMatchObject({ examples: 1, problems: [] });
  });

  it.each([
    ['NTG/xglue.ntg.de.tgt.dev', 'Eins\n', /tgt\.dev:2 is missing: .*src\.dev has more lines/],
    ['NTG/xglue.ntg.de.tgt.dev', 'Eins\nZwei\nDrei\n', /tgt\.dev:3 is one too many: .*src\.dev has 2 lines/],
    ['MLQA/MLQA_V1/dev/dev-context-de-question-de.json', '{"data": [', /json:1 is not valid JSON/],
    ['MLQA/MLQA_V1/dev/dev-context-de-question-de.json', '{}', /has no list "data"/],
    [
      'MLQA/MLQA_V1/dev/dev-context-de-question-de.json',
      '{"data":[{"paragraphs":[{"context":"a b","qas":[{"id":"1","question":"?","answers":[{"text":"b","answer_start":1}]}]}]}]}',
      /data\[0\]\.paragraphs\[0\]\.qas\[0\] has the answer "b", which its context does not have at 1/,
    ],
  ])('reports a broken %s', (file, text, message) => {
    writeFileSync(join(folder, file), text);
    const problems = checkData(folder).splits.flatMap((split) => split.problems);
    expect(problems.join('\n')).toMatch(message);
  });

  it('names a folder that is not there', () => {
    expect(() => checkData('/none')).toThrow('No folder /none');
  });
});

describe.skipIf(!hasXglue)('checkData on the real data', () => {
  it('reads every line', () => {
    const { splits, absentTasks } = checkData(xglue);
    expect(splits.filter(({ unreadable }) => unreadable > 0)).toEqual([]);
    expect(absentTasks).toEqual(['QADSM', 'WPR', 'QAM', 'QG', 'NTG']);
  });
});
