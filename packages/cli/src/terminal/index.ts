export { completionsFor, SHELLS } from './completion.ts';
export { type InputLine, inputLines } from './input-lines.ts';
export { endWithParent, INTERRUPTED, interruptible } from './interruption.ts';
export { duration, TerminalReporter } from './terminal-reporter.ts';
export { textTable } from './text-table.ts';
export { VERSION } from './version.ts';
