/** The mean of numbers over seeds. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample standard deviation; of a single number NaN. */
export function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** A score or difference in points of 100 with two decimals; of NaN nothing. */
export function points(score: number): string {
  return Number.isNaN(score) ? '' : (100 * score).toFixed(2);
}
