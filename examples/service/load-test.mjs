// node load-test.mjs MODEL [SECONDS]: starts the service, and asks it by 1, 4, 16 and 64 clients at a time.
import { availableParallelism, cpus } from 'node:os';
import autocannon from 'autocannon';
import { service } from './service.mjs';

const [folder, duration = '8'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('Give the folder of a model: node load-test.mjs runs/quickstart/student');
  process.exit(2);
}
const TEXTS = [
  'The striker scored twice in the last ten minutes of the match.',
  'Das neue Teleskop hat einen Planeten außerhalb unseres Sonnensystems entdeckt.',
  'El parlamento aprobó ayer la reforma de las pensiones.',
  'Врачи советуют больше двигаться и лучше спать.',
  '新しい映画は来週から全国の劇場で公開されます。',
  'รถไฟความเร็วสูงสายใหม่จะเปิดให้บริการในปีหน้า',
];
const app = await service(folder);
const url = `${await app.listen({ port: 0 })}/predict`;
console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`);
console.log('clients  texts/s  p50 ms  p90 ms  p99 ms  errors');
for (const connections of [1, 4, 16, 64]) {
  const requests = TEXTS.map((text) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ texts: [text] }),
  }));
  const {
    requests: rate,
    latency,
    errors,
    non2xx,
  } = await autocannon({
    url,
    connections,
    requests,
    duration: Number(duration),
  });
  const cells = [
    connections,
    rate.average.toFixed(0),
    latency.p50,
    latency.p90,
    latency.p99,
    errors + non2xx,
  ];
  console.log(cells.map((cell, i) => String(cell).padStart([7, 9, 8, 8, 8, 8][i])).join(''));
}
const { latencyMs, answered, batches } = (await app.inject('/stats')).json();
console.log(
  `${answered} texts in ${batches} batches; in the service p50 ${latencyMs.p50.toFixed(1)}, p99 ${latencyMs.p99.toFixed(1)} ms.`,
);
await app.close();
