import { readdirSync, statSync } from 'node:fs';
import { listed } from '@sdq/core';

const signatures: readonly (readonly [bytes: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], 'is compressed by gzip: unpack it first'],
  [[0x50, 0x4b, 0x03, 0x04], 'is a zip archive (or a spreadsheet): unpack it, or save it as text, first'],
  [[0x42, 0x5a, 0x68], 'is compressed by bzip2: unpack it first'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'is compressed by xz: unpack it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is compressed by zstd: unpack it first'],
  [[0x50, 0x41, 0x52, 0x31], 'is a Parquet file: write it as text first'],
  [[0xff, 0xfe], 'is UTF-16: convert it to UTF-8'],
  [[0xfe, 0xff], 'is UTF-16: convert it to UTF-8'],
];

/** What a file is that holds no UTF-8 text of the benchmark, by its first bytes; undefined for one that may. */
export function foreignKind(head: Uint8Array): string | undefined {
  for (const [bytes, what] of signatures) if (bytes.every((byte, i) => head[i] === byte)) return what;
  if (isUtf16(head)) return 'is UTF-16: convert it to UTF-8';
  const text = Buffer.from(head)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (/^<(!doctype\s+html|html|head|body)\b/i.test(text)) {
    return 'is an HTML page, not the data: fetch the file itself';
  }
  if (text.startsWith('version https://git-lfs')) {
    return 'is a pointer of Git LFS, not the data: fetch it with "git lfs pull"';
  }
  return undefined;
}

/** UTF-16 without a byte order mark: every other byte of Latin text is 0. */
function isUtf16(head: Uint8Array): boolean {
  const zeros = [0, 0];
  for (let i = 0; i < head.length; i++) if (head[i] === 0) zeros[i % 2]! += 1;
  const [even, odd] = zeros as [number, number];
  return head.length >= 8 && Math.max(even, odd) > head.length / 3 && Math.min(even, odd) === 0;
}

/** Whether a line is a value of JSON Lines. */
export function isJsonLine(text: string): boolean {
  if (!/^\s*[{[]./.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether a line that should have tabs has what divides columns elsewhere. */
export function looksLikeCsv(text: string): boolean {
  return !text.includes('\t') && /[,;]/.test(text);
}

/** Names of columns in the headers of data files, in lower case. */
const HEADER_NAMES = new Set(
  (
    'id idx index guid uid pairid pair_id qid text texts title headline body content article abstract description ' +
    'sentence sentence1 sentence2 sentence_1 sentence_2 sentence1_tokenized text1 text2 text_a text_b premise ' +
    'hypothesis question question1 question2 query passage answer url snippet doc document review comment ' +
    'language lang label labels gold_label category class classes target topic tag tags pos upos ner ner_tags ' +
    'pos_tags word words token tokens form'
  ).split(' '),
);

/** Whether the first line of a file names its columns. */
export function isHeader(fields: readonly string[]): boolean {
  return (
    fields.length > 1 &&
    fields.every((field) =>
      HEADER_NAMES.has(
        field
          .trim()
          .toLowerCase()
          .replace(/^"(.*)"$/, '$1')
          .replaceAll(' ', '_'),
      ),
    )
  );
}

/** What a folder holds, for a message about a file that it lacks: `it has train.csv, dev.csv`. */
export function folderContents(folder: string): string {
  const names = statSync(folder, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(folder)
        .filter((name) => !name.startsWith('.'))
        .sort()
    : [];
  if (names.length === 0) return `${folder} is empty or not there`;
  const kinds = names.map((name) => /\.(csv|jsonl?|gz|zip|parquet|xlsx?)$/i.exec(name)?.[1]?.toLowerCase());
  const kind = kinds.find((found) => found !== undefined);
  const advice =
    kind === undefined ? '' : `; ${kind.toUpperCase()} files are not read: docs/data.md has the layout`;
  return `${folder} has ${listed(names, 8)}${advice}`;
}
