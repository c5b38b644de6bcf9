#!/usr/bin/env node
import { SdqError } from '@sdq/core';
import { program } from './program.ts';
import { INTERRUPTED } from './terminal/index.ts';

// Whoever reads the output may have enough of it, as head has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof SdqError) {
    process.stderr.write(`sdq: ${error.message}\n`);
    process.exitCode = error.code === 'interrupted' ? INTERRUPTED : 2;
  } else if (error instanceof Error && error.name === 'RuntimeError') {
    process.stderr.write(
      'sdq: The wasm backend broke off, most likely out of memory: lower --tokens-per-batch.\n',
    );
    process.exitCode = 1;
  } else {
    throw error;
  }
}
