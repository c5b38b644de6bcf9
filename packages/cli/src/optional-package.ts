import { SdqError } from '@sdq/core';

/**
 * Loads a package that is not installed with sdq.
 *
 * @param use - what needs it, as the start of a sentence
 * @param load - imports the package
 * @throws SdqError `unavailable` when it is not installed, with how to install it
 */
export async function optionalPackage<T>(name: string, use: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(name, cause)) throw cause;
    throw new SdqError(
      'unavailable',
      `${use} needs the package ${name}: "npm install ${name}" where @sdq/cli is installed (with --global if that is).`,
      { cause },
    );
  }
}

/** Whether the package itself is what was not found, not one that it imports. */
function isMissing(name: string, error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes(`Cannot find package '${name}'`);
}
