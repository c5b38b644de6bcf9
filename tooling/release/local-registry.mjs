import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bin, root, run } from './packed.mjs';

/**
 * A registry on this machine for what is published to it; it takes all other packages from where this machine's npm does.
 *
 * @param scratch - an empty folder, for what it and npm keep
 * @returns `npm(args, cwd, env)`, which runs npm with this registry and an empty cache; its `url`; and `stop`
 */
export async function localRegistry(scratch) {
  const upstream = run('npm', ['config', 'get', 'registry'], root).trim();
  const port = await freePort();
  const config = {
    storage: join(scratch, 'registry'),
    uplinks: { upstream: { url: upstream, maxage: '60m' } },
    packages: {
      '@sdq/*': { access: '$anonymous', publish: '$anonymous' },
      '**': { access: '$anonymous', proxy: 'upstream' },
    },
    log: { type: 'stdout', format: 'pretty', level: 'error' },
    max_body_size: '100mb',
  };
  const file = join(scratch, 'registry.yaml');
  writeFileSync(file, JSON.stringify(config));
  const server = spawn(bin('verdaccio'), ['--config', file, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  let runs = true;
  server.once('exit', () => {
    runs = false;
  });
  // With the processes that it started.
  const stop = () => runs && process.kill(-Number(server.pid));
  const url = `http://127.0.0.1:${port}/`;
  for (let i = 0; !(await answers(`${url}-/ping`)); i++) {
    if (i === 300) {
      stop();
      throw new Error('The local registry did not start.');
    }
    await sleep(100);
  }
  // npm publishes only with a token; this registry asks for none.
  const npmrc = join(scratch, 'npmrc');
  writeFileSync(npmrc, `registry=${url}\n${url.slice('http:'.length)}:_authToken=none\n`);
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const npm = (args, cwd, env = {}) =>
    run('npm', [...args, ...quiet], cwd, {
      npm_config_userconfig: npmrc,
      npm_config_cache: join(scratch, 'npm-cache'),
      ...env,
    });
  return { npm, url, stop };
}

function answers(url) {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
