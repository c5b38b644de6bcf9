/**
 * Rows of text as a Markdown table with columns of equal width; the first row is its head.
 *
 * @example
 * ```ts
 * import { markdownTable } from '@sdq/report';
 *
 * markdownTable([['', 'en'], ['sdq', '89.0']]).split('\n')[2]; // '| sdq | 89.0 |'
 * ```
 */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|'))) as [
    string[],
    ...string[][],
  ];
  const widths = head.map((_, column) => Math.max(3, ...[head, ...body].map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
