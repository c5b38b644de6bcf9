import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QUANTIZED_FILE, WHOLE_FILE } from '@sdq/onnx';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  wasm: 'application/wasm',
  onnx: 'application/octet-stream',
};
const HEADERS = {
  // Without these two a browser gives WebAssembly one thread.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  // The page asks this server alone.
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:",
  'cache-control': 'no-cache',
};

/**
 * A server of the page and of the two exported models that it compares.
 *
 * @param folders - `{ int8, fp32 }`, folders that `sdq export` wrote
 */
export async function comparisonServer({ int8, fp32 }) {
  const runtime = (name) => fileURLToPath(import.meta.resolve(`onnxruntime-web/${name}`));
  const files = new Map([
    ['/', join(here, 'index.html')],
    ...['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'].map((name) => [
      `/runtime/${name}`,
      runtime(name),
    ]),
    ...modelFiles('int8', int8, QUANTIZED_FILE),
    ...modelFiles('fp32', fp32, WHOLE_FILE),
  ]);
  const scripts = await bundled();
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [script, file] = [scripts.get(pathname), files.get(pathname)];
    if (script === undefined && (file === undefined || !existsSync(file))) {
      response.writeHead(404, HEADERS).end();
      return;
    }
    const length = script?.length ?? statSync(file).size;
    const type = TYPES[/\.(\w+)$/.exec(script ? pathname : file)[1]];
    response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': length });
    if (script) response.end(script);
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
  });
}

/** What the page downloads of a model, by path. */
function modelFiles(name, folder, model) {
  const lacking = [model, 'config.json', 'tokenizer.json'].find((file) => !existsSync(join(folder, file)));
  if (lacking !== undefined)
    throw new Error(
      `--${name}: ${folder} has no ${lacking}: give a folder that "sdq export" made of a run's ${name === 'int8' ? 'student' : 'teacher'}.`,
    );
  if (existsSync(join(folder, `${model}_data`)))
    throw new Error(`--${name}: the weights in ${folder} are over 2 GB, more than a browser takes.`);
  return [
    [`/${name}/config.json`, join(folder, 'config.json')],
    [`/${name}/tokenizer.json`, join(folder, 'tokenizer.json')],
    [`/${name}/model.onnx`, join(folder, model)],
  ];
}

/** Readers of files, of which the page uses none: their imports are dropped. */
const withoutFiles = {
  name: 'without-files',
  setup({ onResolve }) {
    onResolve({ filter: /^(node:.*|yauzl)$/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
  },
};

/** The scripts of the page, by path. */
async function bundled() {
  const { outputFiles } = await build({
    absWorkingDir: here,
    entryPoints: ['src/page.ts', 'src/worker.ts'],
    outdir: '.',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // The runtime's own file stays one, for its threads to start from.
    conditions: ['sdq-source', 'onnxruntime-web-use-extern-wasm'],
    plugins: [withoutFiles],
    logLevel: 'error',
  });
  return new Map(outputFiles.map(({ path, contents }) => [path.slice(here.length - 1), contents]));
}
