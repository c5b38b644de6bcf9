import { readFileSync } from 'node:fs';

/**
 * The most memory that this process had, in bytes. On Linux not from getrusage: that counts the process that started this one
 * too, up to the moment of the start.
 */
export function peakMemory() {
  if (process.platform !== 'linux') return 1024 * process.resourceUsage().maxRSS;
  const found = readFileSync('/proc/self/status', 'utf8').match(/^VmHWM:\s*(\d+) kB/m);
  return 1024 * Number(found?.[1]);
}
