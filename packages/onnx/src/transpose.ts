// A block of so many rows and columns stays in the first-level cache, read and written.
const BLOCK = 32;

/** A matrix [rows, columns] as [columns, rows]. */
export function transpose<T extends Float32Array | Int8Array | Uint8Array>(
  matrix: T,
  rows: number,
  columns: number,
): T {
  const out = new (matrix.constructor as new (length: number) => T)(matrix.length);
  for (let top = 0; top < rows; top += BLOCK) {
    for (let left = 0; left < columns; left += BLOCK) {
      const bottom = Math.min(top + BLOCK, rows);
      const right = Math.min(left + BLOCK, columns);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++)
          out[column * rows + row] = matrix[row * columns + column]!;
      }
    }
  }
  return out;
}
