import { SdqError } from '@sdq/core';

/** A model is in memory twice while it is loaded, and WebAssembly's has 4 GB. */
const MAX_BYTES = 2 ** 31;

/** A file of the server. */
export async function download(
  url: string,
  onBytes: (bytes: number, of: number) => void = () => {},
): Promise<Uint8Array> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new SdqError('io-failed', `${url} cannot be downloaded: is the server still running?`, { cause });
  });
  if (!response.ok || response.body === null)
    throw new SdqError('io-failed', `${url} cannot be downloaded (status ${response.status}).`);
  const length = Number(response.headers.get('content-length'));
  if (!(length <= MAX_BYTES))
    throw new SdqError('bad-checkpoint', `${url} has over 2 GB, more than a browser takes.`);
  const bytes = new Uint8Array(length);
  let at = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes.set(value, at);
    at += value.length;
    onBytes(at, length);
  }
  return bytes;
}

/** A JSON file of the server, unchecked, and how long it is. */
export async function downloadJson(url: string): Promise<{ json: unknown; bytes: number }> {
  const bytes = await download(url);
  try {
    return { json: JSON.parse(new TextDecoder().decode(bytes)), bytes: bytes.length };
  } catch (cause) {
    throw new SdqError('bad-checkpoint', `${url} is not JSON.`, { cause });
  }
}
