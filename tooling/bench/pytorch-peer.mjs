// Starts pytorch_peer.py in the Python that has PyTorch, and asks it one thing at a time.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pytorchPython } from './install-pytorch.mjs';

/** The Python that has a module, or why there is none. */
export function findPython(module = 'torch') {
  const python = process.env.SDQ_PYTHON ?? pytorchPython();
  if (!process.env.SDQ_PYTHON && !existsSync(python)) {
    return {
      reason:
        'PyTorch is not installed: run "node tooling/bench/install-pytorch.mjs", or name a Python in SDQ_PYTHON',
    };
  }
  const { status } = spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' });
  return status === 0 ? { python } : { reason: `${python} has no ${module}` };
}

/** A running peer: `ask` sends a request and resolves to its answer; `close` ends it. */
export function startPeer(python) {
  const script = fileURLToPath(new URL('pytorch_peer.py', import.meta.url));
  const child = spawn(python, ['-W', 'ignore', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('PyTorch ended before it answered; its message is above.');
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}
