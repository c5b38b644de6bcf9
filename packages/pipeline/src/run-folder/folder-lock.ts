import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SdqError } from '@sdq/core';

/** A lock that is there can be gone when it is read, but not again and again. */
const MAX_TRIES = 100;

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** When the process began, as its system tells it: a number that is used again begins at another time. */
  readonly began: string;
  /** The machine, or the container, in which the number of a process means something. */
  readonly machine: string;
  readonly host: string;
  readonly since: string;
}

const LOCK_FILE = 'lock';
/** How often a holder shows other machines that it is there. */
const SIGN_MILLISECONDS = 30_000;
/** A process of another machine that gave no sign for so long is gone: no step and no clustering takes as long. */
const SILENCE_MILLISECONDS = 30 * 60_000;

/**
 * Makes sure that one process at a time works in a folder, by a file `lock` in it.
 *
 * A process that is gone holds nothing, however it ended: on the same machine its number and the time when it began are asked of
 * the system, so that neither `kill -9` nor a restart leaves a lock. Of another machine that shares the folder the age of the file
 * tells, which its holder renews.
 */
export class FolderLock {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly file: string,
    private readonly text: string,
  ) {
    this.timer = setInterval(() => this.giveSign(), SIGN_MILLISECONDS).unref();
  }

  /**
   * @param folder - is made if it is not there
   * @throws SdqError `unavailable` when another process holds it, or this one; `io-failed`
   */
  static acquire(folder: string): FolderLock {
    const file = join(folder, LOCK_FILE);
    const text = JSON.stringify(thisProcess());
    try {
      mkdirSync(folder, { recursive: true });
      for (let tries = 0; !create(file, text); tries++) {
        const found = tries < MAX_TRIES ? read(file) : readFileSync(file, 'utf8');
        if (found === undefined) continue;
        const holder = holderIn(found);
        if (holder && isThere(holder, file)) throw inUse(folder, holder);
        setAside(file, found);
      }
    } catch (cause) {
      if (cause instanceof SdqError) throw cause;
      const reason = (cause as Error).message;
      throw new SdqError('io-failed', `The folder ${folder} cannot be locked: ${reason}.`, { cause });
    }
    return new FolderLock(file, text);
  }

  /**
   * Removes the lock of a process on another machine, for one who knows by other means that it is gone. That of a process here
   * stays.
   */
  static dropForeign(folder: string): void {
    const file = join(folder, LOCK_FILE);
    const found = read(file);
    if (found === undefined) return;
    if (holderIn(found)?.machine !== machine()) setAside(file, found);
  }

  release(): void {
    clearInterval(this.timer);
    if (read(this.file) === this.text) rmSync(this.file, { force: true });
  }

  private giveSign(): void {
    const now = new Date();
    try {
      utimesSync(this.file, now, now);
    } catch {
      // A folder that is gone has no lock either.
    }
  }
}

/** Makes the file whole, unless there is one. */
function create(file: string, text: string): boolean {
  const temporary = `${file}.${process.pid}.new`;
  try {
    writeFileSync(temporary, text);
    linkSync(temporary, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes((cause as NodeJS.ErrnoException).code ?? ''))
      throw cause;
  } finally {
    rmSync(temporary, { force: true });
  }
  // A file system without links.
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Takes the lock that was found out of the way, unless another process did so before and has its own there. */
function setAside(file: string, found: string): void {
  const aside = `${file}.${process.pid}.old`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (read(aside) !== found) {
    try {
      linkSync(aside, file);
    } catch {
      // A third process has the lock by now.
    }
  }
  rmSync(aside, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const isWhole = Number.isInteger(holder?.pid) && typeof holder?.machine === 'string';
    return isWhole ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function isThere({ pid, began, machine: where }: Holder, file: string): boolean {
  if (where === machine()) return beginOf(pid) === began;
  const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return at !== undefined && Date.now() - at < SILENCE_MILLISECONDS;
}

function inUse(folder: string, { pid, machine: where, host, since }: Holder): SdqError {
  const here = where === machine();
  const who =
    here && pid === process.pid ? 'this process' : `process ${pid}${here ? '' : ` on the machine ${host}`}`;
  const gone = here ? '' : `, or remove ${join(folder, LOCK_FILE)} if that machine is gone`;
  return new SdqError(
    'unavailable',
    `${folder} is in use by ${who} since ${since}: wait for it, or stop it${gone}.`,
  );
}

function thisProcess(): Holder {
  const { pid } = process;
  const since = new Date().toISOString();
  return { pid, began: beginOf(pid) ?? '', machine: machine(), host: hostname(), since };
}

/** What tells machines apart, and on Linux also containers, which count processes of their own. */
function machine(): string {
  const names = tryTo(() => readlinkSync('/proc/self/ns/pid')) ?? '';
  return `${hostname()} ${names}`;
}

/** When a process began, as text that no other process of that number has; undefined if there is none. */
function beginOf(pid: number): string | undefined {
  if (!isRunning(pid)) return undefined;
  if (process.platform === 'win32') return '';
  const stat = tryTo(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) {
    return tryTo(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim());
  }
  // Behind the name, which may hold anything: the state is the first field, and the time of the start, since that of the
  // machine, the twentieth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const boot = tryTo(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '';
  return `${boot} ${fields[19]}`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function tryTo<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}
