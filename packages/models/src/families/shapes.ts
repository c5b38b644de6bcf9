/** Shapes of parameters by name. */
export type Shapes = Map<string, readonly number[]>;

/** Adds a linear's weight [rows, columns] and bias. */
export function dense(shapes: Shapes, site: string, rows: number, columns: number): void {
  shapes.set(`${site}.weight`, [rows, columns]);
  shapes.set(`${site}.bias`, [rows]);
}

/** Adds a normalization's gain and bias. */
export function norm(shapes: Shapes, site: string, length: number): void {
  shapes.set(`${site}.weight`, [length]);
  shapes.set(`${site}.bias`, [length]);
}
