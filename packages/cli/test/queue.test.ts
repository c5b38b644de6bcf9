import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeTinyData, writeTinyModel } from '../../pipeline/test/tiny-task.ts';

// The built command, as a user runs it: `npm test` builds before it tests.
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sdq-queue-'));
const at = (...names: string[]) => join(root, ...names);
const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const lacks = hasRedis ? '' : ' (skipped: there is no redis-server on the path)';

interface Command {
  readonly child: ChildProcess;
  readonly said: { stdout: string; stderr: string };
  readonly ended: Promise<number | NodeJS.Signals>;
}

const commands: Command[] = [];

function sdq(args: readonly string[], cwd = root): Command {
  const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    said.stdout += text;
  });
  child.stderr.on('data', (text) => {
    said.stderr += text;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal!)),
  );
  const command = { child, said, ended };
  commands.push(command);
  return command;
}

async function until<T>(find: () => T | undefined, what: string): Promise<T> {
  for (const end = Date.now() + 120_000; Date.now() < end; ) {
    const found = find();
    if (found !== undefined) return found;
    await sleep(5);
  }
  throw new Error(`${what} did not come:\n${commands.map(({ said }) => said.stderr).join('\n')}`);
}

const says = (command: Command, text: RegExp) =>
  until(() => (text.test(command.said.stderr) ? true : undefined), String(text));

function listening(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((closed) => server.close(closed));
  return port;
}

const experiment = (name: string, base: object, grid: object) => {
  const options = { task: 'NC', data: 'xglue', model: 'model', devLimit: 6, ...base };
  writeFileSync(at(`${name}.json`), JSON.stringify({ name, base: options, grid }));
  return `${name}.json`;
};

interface Event {
  readonly event: string;
  readonly stage: string;
  readonly step: number;
}

const eventsText = (...run: string[]): string => {
  const file = at('runs', ...run, 'events.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};
const events = (...run: string[]): Event[] =>
  eventsText(...run)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  await writeTinyModel(at('model'));
  writeTinyData(at('xglue'));
});

afterEach(async () => {
  for (const { child } of commands) child.kill('SIGKILL');
  await Promise.all(commands.map(({ ended }) => ended));
  commands.length = 0;
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(!hasRedis)(`a sweep on a queue${lacks}`, () => {
  let redis: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    url = `redis://127.0.0.1:${port}`;
    const options = { port, bind: '127.0.0.1', dir: root, save: '', appendonly: 'no' };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    redis = spawn('redis-server', flags, { stdio: 'ignore' });
  });

  afterAll(() => redis.kill());

  const worker = (...more: string[]) =>
    sdq(['worker', '--queue', url, '--take-over-after', '4', '--checkpoint-steps', '1', ...more]);

  it('ends every run once, one that was on a killed worker from its checkpoint on', async () => {
    const training = { methods: ['sdq'], trainLimit: 120, finetune: { epochs: 2, tokensPerBatch: 64 } };
    const file = experiment(
      'tiny',
      { ...training, quantized: { epochs: 3, tokensPerBatch: 64 } },
      { seed: [0, 1, 2, 3] },
    );
    const sweep = sdq(['sweep', file, '--out', 'runs', '--queue', url]);
    const workers = [worker(), worker(), worker()];
    const killed = await until(
      () => [0, 1, 2].find((seed) => /"stage":"sdq","step":9,/.test(eventsText('tiny', `seed-${seed}`))),
      'a run in its middle',
    );
    const victim = workers.find(({ said }) => said.stderr.includes(`tiny, seed-${killed}: started`))!;
    victim.child.kill('SIGKILL');
    expect(await victim.ended).toBe('SIGKILL');

    expect(await sweep.ended).toBe(0);
    expect(sweep.said.stderr).toMatch(/4 of 4 runs done: seed-\d is finished/);
    expect(sweep.said.stdout).toMatch(/SDQ \(Att-KLD\) +4 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ %/);
    for (const { child } of workers) child.kill('SIGTERM');
    expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual(
      workers.map((one) => (one === victim ? 'SIGKILL' : 130)),
    );

    for (const seed of [0, 1, 2, 3]) {
      const scored = events('tiny', `seed-${seed}`).filter(({ event }) => event === 'scores');
      expect(scored.map(({ stage }) => stage)).toEqual(['fp32', 'sdq']);
    }
    const steps = events('tiny', `seed-${killed}`).filter(({ event }) => event === 'step');
    const [teacher, student] = ['teacher', 'sdq'].map((stage) =>
      steps.filter((one) => one.stage === stage).map(({ step }) => step),
    ) as [number[], number[]];
    expect(teacher).toEqual(teacher.map((_, i) => i + 1));
    // After the kill it goes on from a checkpoint, of which there is one behind each step: step 1 is not done again.
    expect(student.filter((step) => step === 1)).toHaveLength(1);
    expect(new Set(student).size).toBe(Math.max(...student));
    const log = readFileSync(at('runs', 'tiny', 'jobs', `seed-${killed}.log`), 'utf8');
    // The kill may fall between the event of step 9 and its checkpoint.
    expect(log).toMatch(/Going on with "sdq" after step (8|9|\d\d+) /);

    // Not a bit is different from what an undisturbed run gives.
    const config = {
      ...JSON.parse(readFileSync(at('runs', 'tiny', `seed-${killed}`, 'config.json'), 'utf8')),
    };
    writeFileSync(at('whole.json'), JSON.stringify({ ...config, out: 'runs/whole' }));
    expect(await sdq(['run', '--config', 'whole.json', '--quiet']).ended).toBe(0);
    const [whole, resumed] = [['whole'], ['tiny', `seed-${killed}`]].map((run) =>
      readFileSync(at('runs', ...run, 'student', 'model.safetensors')),
    );
    expect(resumed!.equals(whole!)).toBe(true);

    // All is there: no worker is needed for the table.
    const again = sdq(['sweep', file, '--out', 'runs', '--queue', url, '--json', '--quiet']);
    expect(await again.ended).toBe(0);
    expect(JSON.parse(again.said.stdout).tiny).toHaveLength(4);
  });

  const quick = { methods: ['ptq'], trainLimit: 24, finetune: { epochs: 1 } };

  it('leaves the runs in the queue on Ctrl-C; a run that fails says why, and leaves the others alone', async () => {
    const file = experiment('failing', quick, { languages: [['de'], ['xx']] });
    const first = sdq(['sweep', file, '--out', 'runs', '--queue', url]);
    await says(first, /No worker is there yet: start "sdq worker --queue redis:\/\/127\.0\.0\.1:\d+"/);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(130);
    expect(first.said.stderr).toMatch(/2 runs stay in the queue for the workers, and the same command/);

    worker('--concurrency', '2');
    const second = sdq(['sweep', file, '--out', 'runs', '--queue', url]);
    expect(await second.ended).toBe(1);
    expect(second.said.stdout).toMatch(/\["de"\] +fp32 teacher +1/);
    expect(second.said.stderr).toMatch(
      /^sdq: The run languages-xx failed: runs\/failing\/jobs\/languages-xx\.log says why\. .*"?xx"?.*$/m,
    );
  });

  it('gives back what a worker is of no use to, and what is under way when it is stopped', async () => {
    const file = experiment(
      'moving',
      { ...quick, finetune: { epochs: 10, tokensPerBatch: 64 } },
      { seed: [0] },
    );
    const sweep = sdq(['sweep', file, '--out', 'runs', '--queue', url]);
    mkdirSync(at('elsewhere'));
    const lost = sdq(['worker', '--queue', url], at('elsewhere'));
    expect(await lost.ended).toBe(2);
    expect(lost.said.stderr).toMatch(
      /^sdq: The sweep's folder runs\/moving is not here \(this is .*elsewhere\)/m,
    );
    expect(readdirSync(at('elsewhere'))).toEqual([]);

    const first = worker();
    await until(() => (/"step":3,/.test(eventsText('moving', 'seed-0')) ? true : undefined), 'a step');
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(130);
    expect(first.said.stderr).toMatch(/other workers go on with the runs that this one had/);
    worker();
    expect(await sweep.ended).toBe(0);
    expect(readFileSync(at('runs', 'moving', 'jobs', 'seed-0.log'), 'utf8')).toMatch(
      /Going on with "teacher"/,
    );
  });

  it('does not touch a run of another version of sdq', async () => {
    const queue = new Queue('runs', { prefix: 'sdq', connection: { url } });
    try {
      await queue.add(
        'run',
        { version: '9.9.9', sweep: 'x', config: { out: 'runs/later', model: 'model' } },
        { jobId: 'later' },
      );
      const old = worker();
      expect(await old.ended).toBe(2);
      expect(old.said.stderr).toMatch(
        /^sdq: The run runs\/later in the queue is of sdq 9\.9\.9, and this is/m,
      );
      expect(await queue.getJobState('later')).toBe('waiting');
      await queue.remove('later');
    } finally {
      await queue.close();
    }
  });
});

describe('a Redis that cannot hold the queue', () => {
  const said = async (queue: string) => {
    const command = sdq(['worker', '--queue', queue]);
    expect(await command.ended).toBe(2);
    return command.said.stderr;
  };

  it('is named, and what to do', async () => {
    const port = await freePort();
    expect(await said(`redis://:secret@127.0.0.1:${port}`)).toMatch(
      new RegExp(
        `^sdq: Redis at redis://127\\.0\\.0\\.1:${port} does not answer \\(.*ECONNREFUSED.*\\): start .*\\n$`,
      ),
    );
    expect(await said('localhost')).toMatch(
      /^sdq: --queue takes the address of a Redis server, as redis:.*\n$/,
    );
    const sweep = sdq([
      'sweep',
      experiment('none', {}, {}),
      '--out',
      'none',
      '--queue',
      `redis://127.0.0.1:${port}`,
    ]);
    expect(await sweep.ended).toBe(2);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('says when it is too old', async () => {
    const info = 'redis_version:4.0.9\r\n';
    const server = createServer((socket) =>
      socket.on('data', (bytes) => {
        for (const [name] of bytes.toString().matchAll(/\b(info|client|select)\b/gi)) {
          socket.write(name === 'info' ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
        }
      }),
    );
    const port = await listening(server);
    expect(await said(`redis://127.0.0.1:${port}`)).toMatch(
      /^sdq: Redis at .* has version 4\.0\.9, but the queue needs 6\.2 or newer\.\n$/,
    );
    server.close();
  });
});
