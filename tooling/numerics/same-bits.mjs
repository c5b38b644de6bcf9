// Prints hashes of what a tiny run of each method makes, so that two versions of the code can be compared bit for bit:
// `node tooling/numerics/same-bits.mjs MODEL [REPOSITORY]`, with any small encoder and the repository whose built
// `sdq` is to run (this one, if left out). Two outputs on one machine are equal where no bit changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const METHODS = ['ptq', 'qat', 'qnat', 'ipq', 'sdq', 'sdq-mse', 'qnat-sdq', 'ipq-sdq'];
const TINY = ['--train-limit', '60', '--dev-limit', '12', '--languages', 'en,de,sw', '--seed', '3'];

const [model, repository = fileURLToPath(new URL('../..', import.meta.url))] = process.argv.slice(2);
if (model === undefined) throw new Error('usage: node tooling/numerics/same-bits.mjs MODEL [REPOSITORY]');
const scratch = mkdtempSync(join(tmpdir(), 'sdq-same-bits-'));
try {
  for (const plan of ['w8a8', 'w2a8']) {
    for (const method of METHODS) {
      const out = join(scratch, `${plan}-${method}`);
      sdq(['run', '--task', 'NC', '--methods', method, '--plan', plan, '--out', out, ...TINY]);
      const { versions } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
      const made = { teacher: weights(join(out, 'teacher')), student: weights(join(out, 'student')) };
      const scores = hash(JSON.stringify(Object.values(versions).map(({ scores }) => scores)));
      console.log(`${plan} ${method}: ${JSON.stringify({ ...made, scores })}`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function sdq(args) {
  const data = [
    '--xglue',
    resolve(repository, 'packages/xglue/data/topics'),
    '--model',
    resolve(model),
    '--quiet',
  ];
  execFileSync(process.execPath, [resolve(repository, 'packages/cli/dist/main.js'), ...args, ...data], {
    cwd: scratch,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function weights(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  return hash(...files.sort().map((name) => readFileSync(join(folder, name))));
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 16);
}
