// A training set in many languages that a fine-tuned model has labelled, for a smaller one to learn from:
// `node tooling/data/label-words.mjs MODEL TASK XGLUE TEXTS OUT [SENTENCES] [MAX_LENGTH]`. MODEL is a fine-tuned fp32 folder for a task that
// labels words; TEXTS has a file de.txt, ... a language, a text a line. OUT gets the task's data folder with a training
// set of so many sentences a language: English ones with their own labels, the others with the model's.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@sdq/core';
import { useSdqCpu } from '@sdq/kernels-cpu';
import { FloatOps, logitsOf } from '@sdq/models';
import { loadFineTuned } from '@sdq/pipeline';
import { predictClasses } from '@sdq/serve';
import { listLanguages, readSplit } from '@sdq/xglue';
import * as tf from '@tensorflow/tfjs';

const [folder, taskName, data, texts, out, sentences = '1500', maxLength] = process.argv.slice(2);
const MAX_CHARACTERS = 300;
const MIN_WORDS = 3;

await useSdqCpu();
tf.enableProdMode();
const { model, task, encode } = await loadFineTuned({
  model: folder,
  task: taskName,
  data,
  ...(maxLength !== undefined && { maxLength: Number(maxLength) }),
});
const { labels } = model.head;
const random = new Random(0);

const target = join(out, task.name);
mkdirSync(target, { recursive: true });
cpSync(join(data, task.name), target, { recursive: true });
const trainFile = join(out, task.files.train.replaceAll('{language}', 'en'));
rmSync(trainFile, { force: true });
const english = readSplit({ folder: data, task: task.name, language: 'en', split: 'train', labels });
const examples = sample(english).map(({ words, labels: own }) => lines(words, own));
for (const { language } of listLanguages(data, task.name, 'dev')) {
  const source = join(texts, `${language}.txt`);
  if (language === 'en' || !existsSync(source)) continue;
  const found = sample([...new Set(sentencesOf(readFileSync(source, 'utf8'), language))])
    .map((sentence) => wordsOf(sentence, language))
    .filter((words) => words.length >= MIN_WORDS);
  // A reader of examples wants labels, whatever they are.
  const encoded = found.flatMap((words) =>
    encode({ kind: 'words', words, labels: words.map(() => labels[0]) }),
  );
  const classes = await predictClasses((batch) => logitsOf(model, new FloatOps(), batch), encoded);
  let written = 0;
  for (const [i, words] of found.entries()) {
    if (classes[i].includes(-1)) continue;
    const own = [...classes[i]].map((label) => labels[label]);
    examples.push(lines(words, own));
    written += 1;
  }
  console.log(`${language}: ${written} sentences`);
}
// Mixed, so that the first so many are of all languages too.
writeFileSync(trainFile, shuffled(examples).join('\n'));

function sample(all) {
  return shuffled(all).slice(0, Number(sentences));
}

function shuffled(all) {
  return [...random.permutation(all.length)].map((i) => all[i]);
}

function lines(words, tags) {
  return words.map((word, i) => `${word} ${tags[i]}\n`).join('');
}

function sentencesOf(text, language) {
  const segmenter = new Intl.Segmenter(language, { granularity: 'sentence' });
  return text
    .split('\n')
    .flatMap((line) => [...segmenter.segment(line)].map(({ segment }) => segment.trim()))
    .filter((sentence) => sentence !== '' && sentence.length <= MAX_CHARACTERS);
}

/** Words and punctuation marks each for themselves, as treebanks have them; an elided article is a word. */
function wordsOf(sentence, language) {
  const segments = [...new Intl.Segmenter(language, { granularity: 'word' }).segment(sentence)]
    .map(({ segment }) => segment.trim())
    .filter((segment) => segment !== '');
  if (language !== 'fr' && language !== 'it') return segments;
  return segments.flatMap((segment) => segment.split(/(?<=^\p{L}{1,4}['’])(?=\p{L})/u));
}
