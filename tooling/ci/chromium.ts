import { existsSync } from 'node:fs';

/** Where this machine has Chromium, for the tests of pages; undefined where it has none. */
export const chromiumPath: string | undefined = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find(existsSync);
