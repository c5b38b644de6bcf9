// node main.mjs MODEL [PORT]: serves a model until it is interrupted.
import { service } from './service.mjs';

const [folder, port = '3000'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('Give the folder of a model: node main.mjs runs/quickstart/student');
  process.exit(2);
}
const app = await service(folder).catch((error) => {
  console.error(error.message);
  process.exit(2);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());
const address = await app.listen({ port: Number(port) });
console.log(`Serving ${folder} at ${address}. Try:`);
console.log(`  curl -s ${address}/predict -H 'content-type: application/json' -d '{"texts":["Hello!"]}'`);
