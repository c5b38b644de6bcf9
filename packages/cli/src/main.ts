#!/usr/bin/env node
import { SdqError } from '@sdq/core';
import { program } from './program.ts';

try {
  await program().parseAsync();
} catch (error) {
  if (!(error instanceof SdqError)) throw error;
  process.stderr.write(`sdq: ${error.message}\n`);
  process.exitCode = 2;
}
