import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listLanguages, readSplit, score, task } from '../src/index.ts';
import { hasReference, publishedScores, reference, xglue } from './shared-data.ts';

describe.skipIf(!hasReference)('the published dev scores', () => {
  const lines = (taskName: string, language: string) =>
    readFileSync(`${reference}/predictions/${taskName}/${language}.prediction`, 'utf8').trimEnd().split('\n');
  const predictions = (taskName: string, language: string) =>
    task(taskName).kind === 'token'
      ? lines(taskName, language)
          .join('\n')
          .split('\n\n')
          .map((sentence) => sentence.split('\n'))
      : lines(taskName, language);

  it.each(['POS', 'XNLI', 'PAWSX'])('of %s come out to 1e-9', (taskName) => {
    const published = publishedScores()[taskName]!;
    for (const { language, official } of listLanguages(xglue, taskName, 'dev')) {
      if (!official) continue;
      const gold = readSplit({ folder: xglue, task: taskName, language, split: 'dev' });
      const ours = score(taskName, gold, predictions(taskName, language));
      if (taskName === 'POS' && (language === 'ar' || language === 'zh')) continue;
      expect(Math.abs(ours - published[language]!), `${language} ${ours}`).toBeLessThan(1e-9);
    }
  });
});
