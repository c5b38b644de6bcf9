// Draws docs/architecture.svg, the packages and which of them import which, from the code: `npm run docs:architecture`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageImports } from './packages.mjs';

const WIDTH = 760;
const ROW = 90;
const BOX = { width: 112, height: 30 };
// Reads on white and on black.
const INK = '#7a7a7a';

/**
 * How far above the packages that import nothing each one stands: one more than the highest that it imports.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @returns {Map<string, number>}
 */
export function levels(imports) {
  const found = new Map();
  const levelOf = (/** @type {string} */ name) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const level = 1 + Math.max(-1, ...(imports.get(name) ?? []).map(levelOf));
    found.set(name, level);
    return level;
  };
  for (const name of imports.keys()) levelOf(name);
  return found;
}

/**
 * The imports that no chain of others implies.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @returns {[string, string][]}
 */
export function directImports(imports) {
  const reaches = (/** @type {string} */ from, /** @type {string} */ to) =>
    from === to || (imports.get(from) ?? []).some((next) => reaches(next, to));
  return [...imports].flatMap(([name, own]) =>
    own
      .filter((target) => !own.some((other) => other !== target && reaches(other, target)))
      .map((target) => /** @type {[string, string]} */ ([name, target])),
  );
}

/**
 * The picture: a row a level, an arrow an import.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 * @returns {string} an SVG file, without a ground
 */
export function architecturePicture(imports) {
  const centres = layout(imports);
  const height = Math.max(...[...centres.values()].map(({ y }) => y)) + ROW / 2;
  const at = (/** @type {string} */ name) => centres.get(name) ?? { x: 0, y: 0 };
  const arrows = directImports(imports).map(([name, target]) => {
    const [from, to] = [at(name), at(target)];
    const ends = `x1="${from.x}" y1="${from.y + BOX.height / 2}" x2="${to.x}" y2="${to.y - BOX.height / 2}"`;
    return `<line ${ends} stroke="${INK}" stroke-width="1.2" marker-end="url(#head)"/>`;
  });
  const boxes = [...centres].flatMap(([name, { x, y }]) => [
    `<rect x="${x - BOX.width / 2}" y="${y - BOX.height / 2}" width="${BOX.width}" height="${BOX.height}" rx="5" fill="none" stroke="#2E8BC9" stroke-width="1.5"/>`,
    `<text x="${x}" y="${y + 4.5}">${name}</text>`,
  ]);
  // An arrow that passes a box on its way is not drawn over its name.
  const holes = [...centres.values()].map(
    ({ x, y }) =>
      `<rect x="${x - BOX.width / 2}" y="${y - BOX.height / 2}" width="${BOX.width}" height="${BOX.height}" fill="#000"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" text-anchor="middle" fill="${INK}">
<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8Z" fill="${INK}"/></marker>
<mask id="behind"><rect width="${WIDTH}" height="${height}" fill="#fff"/>${holes.join('')}</mask></defs>
<g mask="url(#behind)">
${arrows.join('\n')}
</g>
${boxes.join('\n')}
</svg>
`;
}

/**
 * The centres of the boxes: the highest level at the top; in a row, those that the same packages import beside one another.
 *
 * @param {ReadonlyMap<string, readonly string[]>} imports
 */
function layout(imports) {
  const level = levels(imports);
  const top = Math.max(...level.values());
  /** @type {Map<string, { x: number, y: number }>} */
  const centres = new Map();
  const importersOf = (/** @type {string} */ name) =>
    directImports(imports).flatMap(([from, to]) => (to === name ? (centres.get(from)?.x ?? []) : []));
  const pull = (/** @type {string} */ name) => {
    const xs = importersOf(name);
    return xs.length === 0 ? WIDTH : xs.reduce((sum, x) => sum + x, 0) / xs.length;
  };
  for (let row = top; row >= 0; row--) {
    const names = [...imports.keys()].filter((name) => level.get(name) === row);
    const ordered = names.map((name) => ({ name, x: pull(name) })).sort((a, b) => a.x - b.x);
    for (const [i, { name }] of ordered.entries())
      centres.set(name, { x: Math.round((WIDTH * (i + 0.5)) / names.length), y: ROW * (top - row + 0.5) });
  }
  return centres;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../../docs/architecture.svg', import.meta.url);
  writeFileSync(file, architecturePicture(await packageImports()));
}
