/**
 * Downloading one file whose size and checksum are known. What has arrived is kept in a hidden file beside the
 * target, so that a broken transfer goes on where it ended; the target appears whole and proved, by a rename, or not
 * at all.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { InputError } from "../core/errors.ts";

/** A file and how to know it. */
export interface RemoteFile {
  /** Address; needs network permission for its host. */
  readonly url: string;
  /** Hosts that the address may redirect to. */
  readonly redirects?: readonly string[];
  /** Size in bytes. */
  readonly size: number;
  /** Checksum in lower-case hexadecimal. */
  readonly digest: { readonly algorithm: "sha256" | "md5"; readonly hex: string };
}

/** Listeners of a download, and a way to stop it. */
export interface DownloadOptions {
  /** Told how many bytes of how many have arrived. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told when a broken transfer is taken up again. */
  readonly onNotice?: (text: string) => void;
  /** Stops the download; what has arrived stays for the next attempt. */
  readonly signal?: AbortSignal;
}

/** Attempts in a row that brought nothing. */
const MAX_FRUITLESS = 3;
const MAX_REDIRECTS = 5;

/** The transfer broke off; what has arrived is worth keeping. */
class TransferError extends Error {}

/**
 * Downloads a file to `path`, unless it is there already. Needs network permission for the host of the address and
 * its redirects, and no other.
 *
 * @returns Whether anything was downloaded
 * @throws {InputError} If the server refuses, serves other bytes, or breaks off again and again; the last keeps what
 *   has arrived for the next call
 */
export async function download(
  file: RemoteFile,
  path: string,
  options: DownloadOptions = {},
): Promise<boolean> {
  const { onNotice, signal } = options;
  const before = await digestOf(path, file.digest.algorithm);
  if (before === file.digest.hex) return false;
  if (before !== undefined) {
    throw new InputError(
      `Cannot download to ${path}: found a file with ${file.digest.algorithm} ${before}, ` +
        `wanted ${file.digest.hex}; remove it first`,
    );
  }
  const part = partOf(path);
  for (let fruitless = 0;;) {
    const start = await sizeOf(part);
    try {
      await transfer(file, part, options);
    } catch (error) {
      if (!(error instanceof TransferError) || signal?.aborted) throw error;
      const now = await sizeOf(part);
      fruitless = now > start ? 0 : fruitless + 1;
      if (fruitless === MAX_FRUITLESS) {
        throw new InputError(
          `Cannot download ${file.url}: ${error.message} at byte ${now} of ${file.size}; run again to go on`,
          { cause: error },
        );
      }
      onNotice?.(`${error.message} at byte ${now} of ${file.size}, trying again`);
      continue;
    }
    const found = await digestOf(part, file.digest.algorithm);
    if (found === file.digest.hex) break;
    await Deno.remove(part);
    // What was kept from an earlier transfer may have been another version of the file.
    if (start > 0) {
      onNotice?.("what had arrived earlier does not fit, starting from the beginning");
      continue;
    }
    throw new InputError(
      `Cannot download ${file.url}: found ${file.digest.algorithm} ${found}, wanted ${file.digest.hex}`,
    );
  }
  await Deno.rename(part, path);
  return true;
}

/** Where the beginning of a file is kept until it is whole. */
export function partOf(path: string): string {
  const name = path.lastIndexOf("/") + 1;
  return `${path.slice(0, name)}.${path.slice(name)}.part`;
}

/** Appends to the part what is missing. */
async function transfer(file: RemoteFile, part: string, options: DownloadOptions): Promise<void> {
  const { onProgress, signal } = options;
  let done = await sizeOf(part);
  if (done > file.size) done = 0;
  if (done === file.size) return;
  const response = await request(file, done, signal);
  try {
    checkStatus(file, response, done);
    if (response.status === 200) done = 0;
    using output = await Deno.open(part, { write: true, create: true });
    await output.truncate(done);
    await output.seek(done, Deno.SeekMode.Start);
    onProgress?.(done, file.size);
    for await (const chunk of chunksOf(response)) {
      done += chunk.length;
      if (done > file.size) {
        output.truncateSync(0);
        throw new InputError(`Cannot download ${file.url}: found more than ${file.size} bytes`);
      }
      for (let at = 0; at < chunk.length;) at += await output.write(chunk.subarray(at));
      onProgress?.(done, file.size);
    }
    await output.sync();
  } finally {
    await response.body?.cancel().catch(() => {});
  }
  if (done < file.size) throw new TransferError("the server broke off");
}

/** The body's chunks; a connection that is cut becomes a `TransferError`. */
async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  for (;;) {
    const next = await reader?.read().catch((error) => {
      throw new TransferError("the connection was cut", { cause: error });
    });
    if (!next || next.done) return;
    yield next.value;
  }
}

/** Asks for the bytes from `start`, following redirects to known hosts. */
async function request(file: RemoteFile, start: number, signal: AbortSignal | undefined): Promise<Response> {
  // Without this, some servers pack what is packed already, and the client unpacks both.
  const headers = { "accept-encoding": "identity", ...(start > 0 && { range: `bytes=${start}-` }) };
  let url = new URL(file.url);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await fetch(url, { headers, redirect: "manual", ...(signal && { signal }) }).catch(
      (error) => {
        if (error instanceof Deno.errors.NotCapable) {
          throw new InputError(
            `Cannot download ${url}: no permission; allow it with --allow-net=${url.host}`,
          );
        }
        throw new TransferError(`${url.host} cannot be reached`, { cause: error });
      },
    );
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    if (next.host !== url.host && !file.redirects?.includes(next.host)) {
      throw new InputError(
        `Cannot download ${file.url}: found a redirect to ${next.host}, ` +
          `wanted ${[url.host, ...file.redirects ?? []].join(" or ")}`,
      );
    }
    url = next;
  }
  throw new InputError(`Cannot download ${file.url}: found more than ${MAX_REDIRECTS} redirects`);
}

/** Accepts the whole file, or exactly the range that was asked for. */
function checkStatus(file: RemoteFile, response: Response, start: number): void {
  const range = response.headers.get("content-range");
  if (response.status === 206 && start > 0) {
    if (range === `bytes ${start}-${file.size - 1}/${file.size}`) return;
    throw new InputError(
      `Cannot download ${file.url}: found bytes ${range}, wanted ${start} to ${
        file.size - 1
      } of ${file.size}`,
    );
  }
  if (response.status !== 200) {
    throw new InputError(
      `Cannot download ${file.url}: found status ${response.status} ${response.statusText}`.trim(),
    );
  }
  const length = response.headers.get("content-length");
  if (length !== null && Number(length) !== file.size) {
    throw new InputError(`Cannot download ${file.url}: found a file of ${length} bytes, wanted ${file.size}`);
  }
}

/** Checksum of a file, `undefined` if there is none. */
async function digestOf(path: string, algorithm: string): Promise<string | undefined> {
  const file = await ifThere(() => Deno.open(path));
  if (!file) return undefined;
  const hash = createHash(algorithm);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  return (await ifThere(() => Deno.stat(path)))?.size ?? 0;
}

async function ifThere<T>(access: () => Promise<T>): Promise<T | undefined> {
  try {
    return await access();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
