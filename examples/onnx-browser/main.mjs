// node main.mjs --int8 FOLDER --fp32 FOLDER [--port 8080] [--host 127.0.0.1]: serves the page until it is interrupted.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { comparisonServer } from './serve.mjs';

try {
  const { values } = parseArgs({
    options: {
      int8: { type: 'string' },
      fp32: { type: 'string' },
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
    },
  });
  const { int8, fp32, port, host } = values;
  if (int8 === undefined || fp32 === undefined)
    throw new Error('Give two folders of "sdq export": node main.mjs --int8 pos-web --fp32 pos-fp32');
  const server = await comparisonServer({ int8, fp32 });
  server.listen(Number(port), host);
  await once(server, 'listening');
  const name = host === '127.0.0.1' ? 'localhost' : host;
  console.log(`http://${name}:${server.address().port}/ compares ${int8} with ${fp32}.`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
