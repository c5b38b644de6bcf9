// Installs PyTorch, and onnxruntime's quantizer, into a virtual environment under the cache folder, for the benchmarks only (5.6 GB).
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The version that the published figures were measured against.
const VERSION = '2.15.0';

/** Where the Python of that environment is, installed or not. */
export function pytorchPython() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'sdq', 'pytorch', 'bin', 'python3');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const python = pytorchPython();
  const folder = dirname(dirname(python));
  mkdirSync(dirname(folder), { recursive: true });
  run('python3', ['-m', 'venv', folder]);
  run(python, ['-m', 'pip', 'install', '--quiet', `torch==${VERSION}`, 'numpy', 'onnx', 'onnxruntime']);
  console.log(`PyTorch ${VERSION} is in ${folder}; remove that folder to uninstall it.`);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error || status !== 0) {
    console.error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}.`);
    process.exit(1);
  }
}
