// Serves a built page: `node serve.mjs dist 8080`. Any other static server does as well.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = { 'index.html': 'text/html', 'page.js': 'text/javascript', 'data.json': 'application/json' };

/** A server of the three files of a page. */
export function pageServer(folder) {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    if (!Object.hasOwn(TYPES, name) || !existsSync(join(folder, name))) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': `${TYPES[name]}; charset=utf-8` });
    createReadStream(join(folder, name)).pipe(response);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = 'dist', port = '8080'] = process.argv.slice(2);
  pageServer(folder).listen(Number(port), '127.0.0.1', () => {
    process.stdout.write(`http://localhost:${port}/\n`);
  });
}
