import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../models/test/temporary-folder.ts';
import { zipFile } from '../../models/test/zip-file.ts';
import { buildFolder, findBuild } from './build-folder.ts';
import { removeCuda, type SetupOptions, setUpCuda } from './set-up-cuda.ts';
import { isNeeded, type Wheel, wheelsOf } from './wheels.ts';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder.path, ...names);
const library = 'tensorflow/libtensorflow_cc.so.2';
const cudart = 'nvidia/cuda_runtime/lib/libcudart.so.12';
const packages = {
  tf: zipFile({ [library]: Buffer.from('a library'), 'tensorflow/__init__.py': Buffer.from('python') }),
  cudart: zipFile({ [cudart]: Buffer.from('cuda'), 'nvidia/cuda_runtime/include/cuda.h': Buffer.from('c') }),
};
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const wheels: Wheel[] = Object.entries(packages).map(([name, bytes]) => ({
  requirement: `${name}==1.0`,
  sha256: sha256(bytes),
  bytes: bytes.length,
  unpackedBytes: 100,
}));
/** Stands for what the compiler makes: something that Node loads. */
const addon = fileURLToPath(new URL('../../kernels-cpu/native/sdq-kernels-cpu.node', import.meta.url));
const canLoad = existsSync(addon);

beforeEach(() => {
  for (const [name, bytes] of Object.entries(packages)) writeFileSync(at(name), bytes);
  for (const log of ['pip.log', 'compiler.log']) writeFileSync(at(log), '');
});

/** A program that logs each call but that of --version. */
function program(name: string, code: string): string[] {
  const path = at(`${name}-${sha256(Buffer.from(code)).slice(0, 8)}.mjs`);
  writeFileSync(
    path,
    `import { appendFileSync, copyFileSync, readFileSync } from 'node:fs';
     const args = process.argv.slice(2);
     if (args[0] === '--version') process.exit(0);
     const after = (flag) => args[args.indexOf(flag) + 1];
     appendFileSync(${JSON.stringify(at(`${name}.log`))}, JSON.stringify(args) + '\\n');
     ${code}`,
  );
  return [process.execPath, path];
}

const PIP = `const asked = readFileSync(after('-r'), 'utf8');
  const name = asked.split('==')[0];`;
const COPY = `copyFileSync(${'`'}\${root}/\${name}${'`'}, after('--dest') + '/' + name + '.whl');`;

/** A pip that copies from the test's folder; `before` runs first. */
const fakePip = (before = '') =>
  program('pip', `const root = ${JSON.stringify(folder.path)}; ${PIP} ${before} ${COPY}`);
const fakeCompiler = (code = `copyFileSync(${JSON.stringify(addon)}, after('-o'));`) =>
  program('compiler', code);
const calls = (name: 'pip' | 'compiler') => readFileSync(at(`${name}.log`), 'utf8').split('\n').length - 1;

const setUp = (more: SetupOptions = {}) =>
  setUpCuda({
    cpu: true,
    cacheDir: at('cache'),
    wheels,
    pip: more.pip ?? fakePip(),
    compiler: more.compiler ?? fakeCompiler(),
    ...more,
  });

describe.runIf(process.platform === 'linux' && process.arch === 'x64')('setUpCuda', () => {
  it.runIf(canLoad)(
    'downloads, unpacks what is needed, compiles, and does nothing the second time',
    async () => {
      const path = await setUp();
      expect(path).toBe(buildFolder('cpu', at('cache')));
      expect(readFileSync(join(path, library), 'utf8')).toBe('a library');
      expect(readFileSync(join(path, cudart), 'utf8')).toBe('cuda');
      for (const absent of ['tensorflow/__init__.py', 'nvidia/cuda_runtime/include', 'downloads']) {
        expect(existsSync(join(path, absent))).toBe(false);
      }
      expect([calls('pip'), calls('compiler')]).toEqual([2, 1]);
      const asked = readFileSync(at('pip.log'), 'utf8');
      expect(asked).toContain('"--no-deps","--require-hashes","--only-binary=:all:"');
      await setUp();
      expect([calls('pip'), calls('compiler')]).toEqual([2, 1]);
    },
  );

  it.runIf(canLoad)('goes on after the last part that was finished', async () => {
    const breaks = fakePip(`if (name === 'cudart') { console.error('connection lost'); process.exit(1); }`);
    await expect(setUp({ pip: breaks })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('cudart==1.0 (connection lost)'),
    });
    expect([calls('pip'), calls('compiler')]).toEqual([2, 0]);
    await setUp();
    expect([calls('pip'), calls('compiler')]).toEqual([3, 1]);
  });

  it.runIf(canLoad)('takes a file that was downloaded whole, and no other', async () => {
    const downloads = (wheel: Wheel) => join(buildFolder('cpu', at('cache')), 'downloads', wheel.sha256);
    const [whole, torn] = wheels as [Wheel, Wheel];
    await mkdir(downloads(whole), { recursive: true });
    writeFileSync(join(downloads(whole), 'tf.whl'), packages.tf);
    await mkdir(downloads(torn), { recursive: true });
    writeFileSync(join(downloads(torn), 'cudart.whl'), packages.cudart.subarray(9));
    await setUp();
    expect(calls('pip')).toBe(1);
  });

  it.runIf(canLoad)('fetches again a part whose file was cut or lost', async () => {
    const path = await setUp();
    writeFileSync(join(path, library), 'a lib');
    await setUp();
    expect(readFileSync(join(path, library), 'utf8')).toBe('a library');
    expect([calls('pip'), calls('compiler')]).toEqual([3, 2]);
  });

  it('refuses a package whose hash differs, and unpacks nothing of it', async () => {
    writeFileSync(at('tf'), Buffer.concat([packages.tf, Buffer.from('!')]));
    await expect(setUp()).rejects.toMatchObject({
      code: 'bad-hash',
      message: expect.stringContaining('tf==1.0'),
    });
    expect(existsSync(join(buildFolder('cpu', at('cache')), library))).toBe(false);
    const refuses = fakePip(`console.error('THESE PACKAGES DO NOT MATCH THE HASHES'); process.exit(1);`);
    await expect(setUp({ pip: refuses })).rejects.toMatchObject({ code: 'bad-hash' });
  });

  it.each([
    ['there is no pip', { pip: ['/no/such/pip'] }, 'install Python 3 with pip'],
    ['there is no compiler', { compiler: ['/no/such/c++'] }, 'install g++, or name one in CXX'],
    [
      'the disk is too small',
      { wheels: [{ ...wheels[0]!, unpackedBytes: 1e18 }] },
      'or name another cache folder in XDG_CACHE_HOME',
    ],
    ['the cache is no folder', { cacheDir: '/dev/null' }, '/dev/null/tensorflow'],
  ])('says in a sentence what to do when %s', async (_, broken, advice) => {
    await expect(setUp(broken)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^[^\n]*\.$/),
    });
    await expect(setUp(broken)).rejects.toThrow(advice);
    expect(calls('pip')).toBe(0);
  });

  it('says what the compiler said, and what does not load', async () => {
    const fails = fakeCompiler(`console.error('a.cc:1: error: no such type'); process.exit(1);`);
    await expect(setUp({ compiler: fails })).rejects.toThrow('(a.cc:1: error: no such type)');
    const writesText = fakeCompiler(`copyFileSync(process.argv[1], after('-o'));`);
    await expect(setUp({ compiler: writesText })).rejects.toThrow('the binding does not load (');
    expect(findBuild(at('cache'))).toBeUndefined();
  });

  it('removes all builds', async () => {
    expect(await removeCuda(at('cache'))).toBeUndefined();
    await expect(setUp({ compiler: fakeCompiler('process.exit(1)') })).rejects.toThrow('could not compile');
    expect(await removeCuda(at('cache'))).toBe(at('cache', 'tensorflow'));
    expect(existsSync(at('cache', 'tensorflow'))).toBe(false);
  });
});

it('takes of the real wheels the libraries, their programs and the C headers', () => {
  const needed = [
    'tensorflow/libtensorflow_cc.so.2',
    'tensorflow/include/tensorflow/c/eager/c_api.h',
    'tensorflow/include/tsl/platform/ctstring_internal.h',
    'tensorflow/include/xla/tsl/c/tsl_status.h',
    'nvidia/cuda_nvcc/bin/ptxas',
    'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc',
    'nvidia/cudnn/lib/libcudnn.so.9',
  ];
  const others = [
    'tensorflow/python/_pywrap.so',
    'tensorflow/include/external/llvm-project/mlir/x.inc',
    'nvidia/cudnn/include/cudnn.h',
    'nvidia_cudnn_cu12-9.dist-info/RECORD',
  ];
  expect([...needed, ...others].filter(isNeeded)).toEqual(needed);
  for (const { sha256, requirement } of [...wheelsOf.cpu, ...wheelsOf.cuda]) {
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(requirement).toMatch(/^[a-z0-9-]+==[0-9.]+$/);
  }
});
