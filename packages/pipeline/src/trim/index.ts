export { type TrimCoverage, type TrimOptions, type TrimReport, trim } from './trim.ts';
