import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import {
  type EncoderConfig,
  type EncoderModel,
  encoderShapes,
  type Head,
  headShapes,
  loadCheckpoint,
  saveModel,
  tensorsFrom,
} from '@sdq/models';

const SPECIAL = ['<s>', '<pad>', '</s>', '<unk>'];
const TOPICS = {
  farm: ['cow', 'barn', 'hay', 'milk', 'goat'],
  sea: ['wave', 'boat', 'salt', 'fish', 'gull'],
  sky: ['cloud', 'star', 'moon', 'wind', 'kite'],
};
const FILLERS = ['the', 'a', 'and', 'saw', 'near', 'old'];
const TAGS: Record<string, string> = {
  the: 'DET',
  a: 'DET',
  and: 'CCONJ',
  saw: 'VERB',
  near: 'ADP',
  old: 'ADJ',
};

const words = [...Object.values(TOPICS).flat(), ...FILLERS];
const pieces = [...SPECIAL, '▁', ...words.map((word) => `▁${word}`)];

const config: EncoderConfig = {
  family: 'bert',
  hiddenSize: 16,
  layers: 2,
  heads: 2,
  intermediateSize: 32,
  vocabularySize: pieces.length,
  positions: 32,
  tokenTypes: 2,
  layerNormEpsilon: 1e-12,
  hiddenDropout: 0.1,
  classifierDropout: 0.1,
  padId: 1,
};

/** Writes a small random encoder with a tokenizer that knows the words of {@link writeTinyData}. */
export async function writeTinyModel(folder: string, hiddenSize = 16, head?: Head): Promise<void> {
  const random = new Random(4);
  const sized = { ...config, hiddenSize, intermediateSize: 2 * hiddenSize };
  const tensors = new Map(
    [...encoderShapes(sized), ...(head ? headShapes(sized, head) : [])].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, length) => product * length, 1));
      for (let i = 0; i < data.length; i++) {
        const gamma = name.endsWith('LayerNorm.weight');
        data[i] = gamma ? 1 : shape.length === 1 ? 0 : 0.25 * random.normal();
      }
      return [name, { shape, data }] as const;
    }),
  );
  await saveModel(folder, { config: sized, head, tensors, tokenizerFrom: undefined });
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer()));
}

/**
 * Writes the tasks NC (the topic that a text's words are of) and POS (the tag of each word) with an English training
 * set and dev sets for `en` and `de`.
 */
export function writeTinyData(folder: string, seed = 5): void {
  mkdirSync(join(folder, 'NC'), { recursive: true });
  mkdirSync(join(folder, 'POS'), { recursive: true });
  const random = new Random(seed);
  const pick = (list: readonly string[]) => list[random.below(list.length)]!;
  const sentence = (topic: keyof typeof TOPICS) =>
    ['the', pick(TOPICS[topic]), pick(FILLERS), pick(TOPICS[topic]), pick(FILLERS)].slice(
      0,
      3 + random.below(3),
    );
  const names = Object.keys(TOPICS) as (keyof typeof TOPICS)[];
  const write = (file: string, count: number) => {
    const texts = Array.from({ length: count }, (_, i) => [names[i % 3]!, sentence(names[i % 3]!)] as const);
    writeFileSync(
      join(folder, 'NC', `xglue.nc.${file}`),
      texts.map(([topic, text]) => `${pick(FILLERS)}\t${text.join(' ')}\t${topic}\n`).join(''),
    );
    writeFileSync(
      join(folder, 'POS', file),
      texts
        .map(([, text]) => `${text.map((word) => `${word} ${TAGS[word] ?? 'NOUN'}`).join('\n')}\n\n`)
        .join(''),
    );
  };
  write('en.train', 240);
  write('en.dev', 45);
  write('de.dev', 45);
  writeFileSync(join(folder, 'POS', 'labels'), `${['NOUN', ...new Set(Object.values(TAGS))].join('\n')}\n`);
}

/**
 * Writes the task MLQA: where in a row of farm words, longer than the tiny model takes at once, does the sea word stand?
 * With an English training set, whose ids repeat, and dev sets for `en` and `de`.
 */
export function writeTinyQuestions(folder: string): void {
  const random = new Random(6);
  const pick = (list: readonly string[]) => list[random.below(list.length)]!;
  const question = (id: string) => {
    const around = [...TOPICS.farm, 'the', 'and'];
    const before = Array.from({ length: random.below(30) }, () => pick(around));
    const after = Array.from({ length: random.below(10) }, () => pick(around));
    const answer = pick(TOPICS.sea);
    const context = [...before, answer, ...after].join(' ');
    const start = before.length === 0 ? 0 : before.join(' ').length + 1;
    return {
      context,
      qas: [{ id, question: 'near the wave', answers: [{ text: answer, answer_start: start }] }],
    };
  };
  const write = (file: string, count: number, id: (i: number) => string) => {
    const paragraphs = Array.from({ length: count }, (_, i) => question(id(i)));
    mkdirSync(join(folder, 'MLQA', file, '..'), { recursive: true });
    writeFileSync(join(folder, 'MLQA', file), JSON.stringify({ data: [{ paragraphs }] }));
  };
  write('squad1.1/train-v1.1.json', 150, (i) => `q${i % 7}`);
  write('MLQA_V1/dev/dev-context-en-question-en.json', 30, (i) => `q${i}`);
  write('MLQA_V1/dev/dev-context-de-question-de.json', 30, (i) => `q${i}`);
}

function tokenizer(): object {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const added = SPECIAL.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('<s>'), sequence('A'), special('</s>')],
      pair: [special('<s>'), sequence('A'), special('</s>'), special('</s>'), sequence('B'), special('</s>')],
      special_tokens: {
        '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
        '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
      },
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: { type: 'Unigram', unk_id: 3, vocab: pieces.map((piece, id) => [piece, id < 4 ? 0 : -1]) },
  };
}

/** The model that {@link writeTinyModel} writes into a folder, loaded again. */
export async function tinyModel(folder: string, hiddenSize: number, head: Head): Promise<EncoderModel> {
  await writeTinyModel(folder, hiddenSize, head);
  const { config, tensors } = await loadCheckpoint(folder);
  return { config, head, parameters: tensorsFrom(tensors) };
}
