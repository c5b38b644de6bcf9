// Goes a newcomer's way from the packages as they are published, and times it: what the README of @sdq/cli says to install, its
// `sdq quickstart`, and the prediction that this ends with, in an empty folder and with empty caches of npm and sdq.
// `node tooling/release/newcomer.mjs`
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { localRegistry } from './local-registry.mjs';
import { pack, root } from './packed.mjs';

const TEXT = 'Mkimbiaji alishinda mbio za marathoni.';

const scratch = mkdtempSync(join(tmpdir(), 'sdq-newcomer-'));
const [folder, prefix] = [join(scratch, 'folder'), join(scratch, 'global')];
mkdirSync(folder);
const readme = readFileSync(join(root, 'packages/cli/README.md'), 'utf8');
const [, first = ''] = /^```sh\n(.*?)^```$/ms.exec(readme) ?? [];
const [install, quickstart] = first.trim().split('\n');
const { npm, stop } = await localRegistry(scratch);
try {
  for (const { tarball } of pack(scratch)) npm(['publish', tarball], scratch);
  timed(install, () =>
    npm(install.split(' ').slice(1), folder, {
      npm_config_prefix: prefix,
      npm_config_cache: join(scratch, 'cache'),
    }),
  );
  const { stdout } = timed(quickstart, () => shell(quickstart));
  console.log(stdout);
  const [, next = ''] = /^Next: (.*)$/m.exec(stdout) ?? [];
  const ask = next.replace('your text', TEXT);
  console.log(timed(ask, () => shell(ask)).stdout);
} finally {
  stop();
  rmSync(scratch, { recursive: true, force: true });
}

function timed(command, work) {
  const started = performance.now();
  const result = work();
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${command}`);
  return result;
}

/** A command as it is typed. */
function shell(command) {
  const result = spawnSync('sh', ['-c', command], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PATH: `${join(prefix, 'bin')}${delimiter}${process.env.PATH}`,
      XDG_CACHE_HOME: join(scratch, 'sdq-cache'),
    },
  });
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status}.`);
  return result;
}
