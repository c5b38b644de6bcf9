import { spawn } from 'node:child_process';

/** What is kept of a program's output for an error message. */
const MAX_OUTPUT_LENGTH = 4000;

/** How a program ended; `code` is undefined when it could not be started. */
export interface ProgramResult {
  readonly code: number | null | undefined;
  /** The last thousands of characters that it wrote. */
  readonly output: string;
}

/** Runs a program to its end, and never throws. */
export function runProgram(command: readonly string[]): Promise<ProgramResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-MAX_OUTPUT_LENGTH);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ code: undefined, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}
