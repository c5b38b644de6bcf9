import { expect, it } from 'vitest';
import { reachRedis, readQueuedRun } from './run-queue.ts';

const job = { version: '0.1.0', sweep: 'a', config: { out: 'runs/a', model: 'm' }, fetchesModel: true };

it('reads a run of its own version alone', () => {
  expect(readQueuedRun(job, '0.1.0')).toEqual(job);
  expect(() => readQueuedRun(job, '0.2.0')).toThrow('of sdq 0.1.0, and this is 0.2.0');
  expect(() => readQueuedRun({ out: 'runs/a' }, '0.1.0')).toThrow('no sdq sweep put there');
});

it('refuses what is no address of a Redis server', async () => {
  await expect(reachRedis('http://127.0.0.1')).rejects.toMatchObject({ code: 'bad-option' });
});
