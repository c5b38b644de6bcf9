import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const digest = fileURLToPath(new URL('./digest.mjs', import.meta.url));

interface Digest {
  readonly path: string;
  readonly threads: number;
  /** A hash of the exact output of each kernel. */
  readonly hashes: Record<string, string>;
  /** The largest error of each kernel against a float64 reference. */
  readonly errors: Record<string, number>;
  /** Of a block of an encoder in integers, about 1. */
  readonly logits: readonly number[];
}

function run(settings: Record<string, string>): Digest {
  const output = execFileSync(process.execPath, [digest], {
    env: { ...process.env, ...settings },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(output) as Digest;
}

it('results do not depend on the number of threads, to the last bit', () => {
  const one = run({ SDQ_THREADS: '1' });
  expect(one.threads).toBe(1);
  for (const threads of ['2', '3', '8']) {
    const many = run({ SDQ_THREADS: threads });
    expect(many.threads).toBe(Number(threads));
    expect(many.hashes).toEqual(one.hashes);
  }
});

it.for(['avx512vnni', 'avx512', 'avxvnni', 'avx2', 'portable'])(
  'the path %s is exact to float rounding, and gives the integers of the best path',
  (path, { skip }) => {
    const best = run({});
    let forced: Digest;
    try {
      forced = run({ SDQ_CPU_PATH: path });
    } catch (error) {
      if (!String(error).includes('this CPU lacks these instructions')) throw error;
      return skip(`this CPU has no ${path}`);
    }
    expect(forced.path).toBe(path);
    for (const error of Object.values(forced.errors)) expect(error).toBeLessThan(2e-5);
    for (const kernel of ['fakeQuantize', 'fakeQuantizeRows', 'dropout', 'adamW', 'minMax']) {
      expect(forced.hashes[kernel]).toBe(best.hashes[kernel]);
    }
    // Float rounding may move a value to the next step of its grid here and there.
    const distances = forced.logits.map((logit, i) => Math.abs(logit - best.logits[i]!));
    expect(distances.filter((distance) => distance > 1e-5).length).toBeLessThan(distances.length / 2);
    expect(Math.max(...distances)).toBeLessThan(0.01);
  },
);

it.each<readonly [name: string, value: string, choices: string]>([
  ['SDQ_CPU_PATH', 'mmx', 'choose avx512vnni, avx512, avxvnni, avx2, portable, or unset it'],
  ['SDQ_GRADIENTS', 'fp8', 'choose float32 or bfloat16, or unset it'],
  ...['abc', '0', '-1', '2.5', '4 threads', '100000', '99999999999999999999'].map(
    (value) => ['SDQ_THREADS', value, 'choose a whole number from 1 to 1024, or unset it'] as const,
  ),
])('%s=%s is refused with the choices', (name, value, choices) => {
  expect(() => run({ [name]: value })).toThrow(
    new RegExp(`Error: ${name}=${value.replace('.', '\\.')} is no [a-z ]+: ${choices}\\.\n`),
  );
});

it('gradients that the path lacks are refused', () => {
  expect(() => run({ SDQ_GRADIENTS: 'bfloat16', SDQ_CPU_PATH: 'portable' })).toThrow('unset it');
});

it('an empty environment variable counts as not set', () => {
  const { path, threads } = run({ SDQ_THREADS: '', SDQ_CPU_PATH: '', SDQ_GRADIENTS: '' });
  expect({ path, threads }).toEqual((({ path, threads }) => ({ path, threads }))(run({})));
});
