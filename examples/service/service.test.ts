import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeTinyModel } from '../../packages/pipeline/test/tiny-task.ts';

let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sdq-service-'));
  await writeTinyModel(root, 16, { kind: 'sequence-classification', labels: ['x', 'y', 'z'] });
});

afterAll(() => rmSync(root, { recursive: true }));

// In a process of its own: the service runs on the built packages, as a user's does.
const SCRIPT = `
  const { service } = await import('./service.mjs');
  const app = await service(process.argv[1], { maxBatch: 1, maxWaiting: 4 });
  const post = async (payload) => {
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/predict', payload });
    return [statusCode, JSON.parse(body)];
  };
  const found = { one: await post({ texts: ['the cow', { text: 'a', pair: 'b' }] }), bad: await post({ texts: 'cow' }) };
  found.many = await Promise.all(Array.from({ length: 20 }, () => post({ texts: ['star', 'moon', 'wave'] })));
  found.stats = (await app.inject('/stats')).json();
  await app.close();
  console.log(JSON.stringify(found));
`;

it('answers, refuses what is malformed, and says when it is busy', () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', SCRIPT, root],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  expect(stderr).not.toMatch(/Error/);
  expect(status).toBe(0);
  const { one, bad, many, stats } = JSON.parse(stdout);
  expect(one[0]).toBe(200);
  expect(
    one[1].results.map(({ answer }: { answer: { label: string } }) => 'xyz'.includes(answer.label)),
  ).toEqual([true, true]);
  expect(bad[0]).toBe(400);
  const codes = many.map(([code]: [number]) => code);
  expect(new Set(codes)).toEqual(new Set([200, 503]));
  expect(many.find(([code]: [number]) => code === 503)[1].error).toMatch(
    /texts wait already: try again later/,
  );
  expect(stats).toMatchObject({
    waiting: 0,
    answered: 2 + 3 * codes.filter((code: number) => code === 200).length,
  });
});
