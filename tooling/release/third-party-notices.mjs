// The notices of code by others that a published file has in it: name, version, licence, copyright lines and licence texts.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const NOTICES = 'THIRD-PARTY-NOTICES.txt';

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** A line of a source file that says whose it is. */
const COPYRIGHT = /\bCopyright (?:\(c\) )?(?:\d{4}|The) .{1,150}$/gim;

/** The texts of licences, for packages that name theirs and ship no file of it. */
const TEXTS = {
  'Apache-2.0': readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8'),
  MIT,
};

/**
 * The text of a notices file. Packages under the same licence text share one copy of it.
 *
 * @param parts - `{ name, version, license, folder, copyright }` of each package: its SPDX expression, the folder with its
 *   licence files (without one, the licence's own text), and lines that say whose it is
 */
export function noticesText(parts) {
  const sections = new Map();
  const sorted = parts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const part of sorted) {
    for (const text of licenceTexts(part)) {
      const words = text.replaceAll(/\s+/g, ' ').trim();
      if (!sections.has(words)) sections.set(words, { text, group: [] });
      sections.get(words).group.push(part);
    }
  }
  const line = '-'.repeat(80);
  const texts = [...sections.values()].map(({ text, group }) =>
    [line, ...group.map(({ name, version }) => `${name} ${version}`), line, '', text.trim(), ''].join('\n'),
  );
  const list = sorted.map(({ name, version, license, copyright = [] }) =>
    [`${name} ${version} (${license})`, ...copyright.map((owner) => `  ${owner}`)].join('\n'),
  );
  return `This package contains code by others, under these licences:\n\n${list.join('\n')}\n\n${texts.join('\n')}`;
}

/** What a package of npm that was installed says of itself, and the copyright lines of those of its files that are used. */
export function npmPart(folder, files) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const lines = files.flatMap(copyrightLines);
  return { name, version, license, folder, copyright: [...new Set(lines)].sort() };
}

/**
 * An esbuild plug-in that writes the notices of all that is bundled into the output folder, if anything is.
 *
 * @param copied - `{ folder, files }` of packages whose files are shipped beside the bundle
 */
export function thirdPartyNotices(copied = []) {
  return {
    name: 'third-party notices',
    setup(build) {
      build.onEnd(({ metafile }) => {
        const parts = [...bundled(metafile), ...copied].map(({ folder, files }) => npmPart(folder, files));
        if (parts.length === 0) return;
        const { outdir } = build.initialOptions;
        mkdirSync(outdir, { recursive: true });
        writeFileSync(join(outdir, NOTICES), noticesText(merged(parts)));
      });
    },
  };
}

/** The packages, with their files, that have bytes in the outputs of a build. */
function bundled(metafile) {
  const folders = new Map();
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? [];
      if (folder && bytesInOutput > 0) folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
  }
  return [...folders].map(([folder, files]) => ({ folder, files }));
}

/** Each package once, with the copyright lines of all its files. */
function merged(parts) {
  const byName = new Map();
  for (const part of parts) {
    const key = `${part.name} ${part.version}`;
    const copyright = [...new Set([...(byName.get(key)?.copyright ?? []), ...part.copyright])].sort();
    byName.set(key, { ...part, copyright });
  }
  return [...byName.values()];
}

/**
 * Throws when a package has code by others and no notice of it.
 *
 * What was bundled is told by the source maps, what was copied by its copyright lines.
 *
 * @param folder - the package as it is published, unpacked
 */
export function checkNotices(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const notices = names
    .filter((name) => basename(name) === NOTICES)
    .map((name) => readFileSync(name, 'utf8'))
    .join('\n');
  const missing = names.flatMap((name) => marksOf(name).filter((mark) => !notices.includes(mark)));
  if (missing.length === 0) return;
  const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  throw new Error(
    `${name} ships code by others with no notice of it in ${NOTICES}: ${[...new Set(missing)].join(', ')}.`,
  );
}

/** What the notices must name if this file is shipped. */
function marksOf(file) {
  if (file.endsWith('.node')) return ["Rust's standard library"];
  if (file.endsWith('.map')) {
    const { sources } = JSON.parse(readFileSync(file, 'utf8'));
    return sources.flatMap((source) => {
      const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source) ?? [];
      return name ? [`${name} `] : [];
    });
  }
  if (/\.(cc|h|c|cpp|rs|js|mjs)$/.test(file)) return copyrightLines(file);
  return [];
}

function copyrightLines(file) {
  return [...readFileSync(file, 'utf8').matchAll(COPYRIGHT)].map(([line]) => line.trim());
}

function licenceTexts({ name, license, folder }) {
  const files = (folder === undefined ? [] : readdirSync(folder))
    .filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file))
    .sort();
  if (files.length > 0) return files.map((file) => readFileSync(join(folder, file), 'utf8'));
  const known = Object.keys(TEXTS).find((id) => license?.split(/[\s()]+/).includes(id));
  if (known) return [TEXTS[known]];
  throw new Error(
    `${name} ships no file of its licence (${license}): add its text to ${fileURLToPath(import.meta.url)}.`,
  );
}
