import type { MarkdownRenderer } from 'vitepress';

type Token = Parameters<Parameters<MarkdownRenderer['core']['ruler']['push']>[1]>[0]['tokens'][number];

const NUMBER = /^[−+-]?[\d.,]*\d(e-?\d+)?( ?(%|s|ms|min|kB|MB|GB|dB))?$/;

/** Sets columns of numbers flush right, so that their digits stand below one another. */
export function siteTables(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('site-tables', ({ tokens }) => {
    let columns: Cell[][] = [];
    let row: Cell[] = [];
    for (const [i, token] of tokens.entries()) {
      if (token.type === 'table_open') columns = [];
      else if (token.type === 'tr_open') row = [];
      else if (token.type === 'th_open') columns.push([{ token, text: '' }]);
      else if (token.type === 'td_open') {
        const cell = { token, text: tokens[i + 1]!.content };
        columns[row.push(cell) - 1]!.push(cell);
      } else if (token.type === 'table_close') for (const cells of columns) alignNumbers(cells);
    }
  });
}

interface Cell {
  readonly token: Token;
  /** Of the body; a head's does not count. */
  readonly text: string;
}

function alignNumbers(cells: readonly Cell[]): void {
  if (!cells.some(({ text }) => NUMBER.test(text))) return;
  if (!cells.every(({ text }) => text === '' || text === 'none' || NUMBER.test(text))) return;
  for (const { token } of cells) token.attrSet('style', 'text-align:right');
}
