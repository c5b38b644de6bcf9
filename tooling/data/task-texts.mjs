// The texts of the tasks as files for `sdq trim`, a text a line: `node tooling/data/task-texts.mjs XGLUE OUT [TASK]` writes
// OUT/en.txt, OUT/de.txt, .... Of TASK, by whose dev sets the model is to be judged, only the training set is read.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listLanguages, readSplit, tasks } from '@sdq/xglue';

const [data, out, judged] = process.argv.slice(2);

/** [texts] by language, each text once. */
const texts = new Map();
/** @type {import('@sdq/xglue').SplitName[]} */
const splits = ['train', 'dev'];
for (const { name, kind } of tasks) {
  for (const split of splits) {
    if (name === judged && split === 'dev') continue;
    for (const { language } of languagesOf(name, split)) {
      const found = texts.get(language) ?? new Set();
      texts.set(language, found);
      for (const example of readSplit({ folder: data, task: name, language, split })) {
        for (const text of textsOf(kind, example)) found.add(text.replaceAll(/\s+/g, ' '));
      }
    }
  }
}

mkdirSync(out, { recursive: true });
for (const [language, found] of texts) {
  writeFileSync(join(out, `${language}.txt`), `${[...found].join('\n')}\n`);
  console.log(`${language}: ${found.size} texts`);
}

/** None for a task that the folder does not have. */
function languagesOf(task, split) {
  try {
    return listLanguages(data, task, split);
  } catch (error) {
    if (error.code === 'path-not-found') return [];
    throw error;
  }
}

function textsOf(kind, example) {
  switch (kind) {
    case 'token':
      return [example.words.join(' ')];
    case 'span':
      return [example.question, example.context];
    case 'generation':
      return [example.source, example.target];
    default:
      return example.texts;
  }
}
