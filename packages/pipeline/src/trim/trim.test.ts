import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { familyOf, loadTokenizer, packBatch, saveQuantizedModel, tensorsFrom, wordTable } from '@sdq/models';
import { createPlan, productQuantize, productRows, resolvePlan, sitesOf } from '@sdq/quantizers';
import { loadClassifier, loadSavedModel } from '@sdq/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recorder } from '../../test/recorder.ts';
import { writeTinyModel } from '../../test/tiny-task.ts';
import { quantizeModel } from '../model/student.ts';

import { trim } from './trim.ts';

let root: string;
const at = (name: string) => join(root, name);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sdq-trim-'));
  await writeTinyModel(at('fp32'), 16, { kind: 'sequence-classification', labels: ['x', 'y', 'z'] });
  const saved = await loadSavedModel(at('fp32'));
  if ('weights' in saved) throw new Error('The model is not in floats.');
  const model = { ...saved, parameters: tensorsFrom(saved.tensors) };
  const plan = resolvePlan(
    createPlan('embeddings-int4').map((rule) => ({ ...rule, weight: int4 })),
    sitesOf(model.parameters),
    familyOf(model.config.family).roleOf,
  );
  await saveQuantizedModel(at('int4'), quantizeModel(model, plan, new Map()), { tokenizerFrom: at('fp32') });
  const table = saved.tensors.get(wordTable(saved.config))!;
  const product = productQuantize(table.data, table.shape as [number, number], { centroids: 20 });
  await saveQuantizedModel(
    at('codebook'),
    quantizeModel(model, new Map(), new Map(), new Map([[wordTable(saved.config), productRows(product)]])),
    { tokenizerFrom: at('fp32') },
  );
  writeFileSync(at('en.txt'), 'the cow saw the goat\n\nthe old barn\n');
  writeFileSync(at('de.txt'), 'the gull near\r\n');
});

const int4 = createPlan([{ match: '**', weight: 'int4-per-group-8' }])[0]!.weight!;

afterAll(() => rmSync(root, { recursive: true }));

async function logits(folder: string, text: string): Promise<number[]> {
  const { classify, tokenizer } = await loadClassifier(folder);
  const { ids, tokenTypes } = tokenizer.encodeTyped(text, undefined, 32);
  const example = { ids, tokenTypes, labels: Int32Array.of(0), rows: Int32Array.of(0) };
  return [...(await classify(packBatch([example], [0]))).dataSync()];
}

it.each(['fp32', 'int4', 'codebook'])(
  'gives the same outputs, bit for bit, on text whose pieces stay: %s',
  async (kind) => {
    const out = at(`${kind}-out`);
    mkdirSync(out);
    const options = { model: at(kind), languages: ['en', 'de', 'fr'], corpus: [at('{lg}.txt')] };
    const report = await trim(options, out, recorder());
    expect(report.pieces).toEqual({ before: 26, after: 14 });
    const share = kind === 'codebook' ? (2 * 14 + 164) / (2 * 26 + 164) : 14 / 26;
    expect(report.embeddingBytes.after / report.embeddingBytes.before).toBeCloseTo(share);
    expect(report.coverage).toEqual([
      { source: 'en', lines: 2, tokens: 8, lostShare: 0, unseenShare: 3 / 5 },
      { source: 'de', lines: 1, tokens: 3, lostShare: 0, unseenShare: 1 },
    ]);
    for (const text of ['the old goat saw the gull', 'barn near cow']) {
      expect(await logits(out, text)).toEqual(await logits(at(kind), text));
    }
    expect((await loadTokenizer(out)).vocabulary().has('▁boat')).toBe(false);
  },
);

it('keeps the most frequent pieces of a corpus when only so many may stay, and says what is lost', async () => {
  mkdirSync(at('few'));
  const options = { model: at('fp32'), languages: ['en'], corpus: [at('en.txt')], maxPieces: 4 };
  const report = await trim(options, at('few'), recorder());
  // Beside the 4 special tokens and "▁", the first of the lowest score: of 8 tokens the three of "the" and three more; no "▁a".
  expect(report.pieces.after).toBe(5 + 4);
  expect(report.coverage[0]).toEqual({
    source: at('en.txt'),
    lines: 2,
    tokens: 8,
    lostShare: 2 / 8,
    unseenShare: 3 / 5,
  });
});

it('refuses a corpus that is not there or holds nothing, before anything is written', async () => {
  writeFileSync(at('empty.txt'), '\n \n');
  const asked = (corpus: string) =>
    trim({ model: at('fp32'), languages: ['en'], corpus: [corpus] }, at('none'), recorder());
  await expect(asked(at('no-{lg}.txt'))).rejects.toThrow(/There is no file .*no-\{lg\}\.txt for any of en/);
  await expect(asked(at('no.txt'))).rejects.toThrow('no.txt');
  await expect(asked(at('empty.txt'))).rejects.toThrow('holds no text');
  expect(existsSync(at('none'))).toBe(false);
});

it('counts each language alike, however much text there is of it', async () => {
  mkdirSync(at('alike'));
  writeFileSync(at('long.txt'), 'cow cow cow cow cow cow goat goat goat hay hay hay\n'.repeat(50));
  writeFileSync(at('short.txt'), 'star moon\n');
  const corpus = [at('long.txt'), at('short.txt')];
  // The most frequent: cow, star and moon have half of their text each, goat and hay a quarter.
  await trim({ model: at('fp32'), languages: ['en'], corpus, maxPieces: 3 }, at('alike'), recorder());
  const kept = (await loadTokenizer(at('alike'))).vocabulary();
  expect(['▁cow', '▁star', '▁moon', '▁goat'].map((piece) => kept.has(piece))).toEqual([
    true,
    true,
    true,
    false,
  ]);
});
