/**
 * Downloads against a server on this machine that misbehaves in every way we know.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { download, partOf, type RemoteFile } from "./download.ts";

const CONTENT = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 13);
const HEX = createHash("sha256").update(CONTENT).digest("hex");

/** One answer of the server: head and body as they go over the wire; the connection closes after it. */
interface Answer {
  readonly head: readonly string[];
  readonly body: Uint8Array;
}
type Behaviour = (start: number, attempt: number, port: number) => Answer;

const whole = (body: Uint8Array = CONTENT): Answer => ({
  head: ["HTTP/1.1 200 OK", `content-length: ${body.length}`],
  body,
});
const range = (start: number): Answer => ({
  head: [
    "HTTP/1.1 206 Partial Content",
    `content-range: bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}`,
    `content-length: ${CONTENT.length - start}`,
  ],
  body: CONTENT.subarray(start),
});
/** A server that does everything right. */
const honest: Behaviour = (start) => start > 0 ? range(start) : whole();
const cut = (answer: Answer, length: number): Answer => ({
  ...answer,
  body: answer.body.subarray(0, length),
});

async function serve(listener: Deno.TcpListener, behave: Behaviour, starts: number[]): Promise<void> {
  const { port } = listener.addr as Deno.NetAddr;
  for await (const connection of listener) {
    try {
      const request = new Uint8Array(8192);
      const length = await connection.read(request) ?? 0;
      const start = Number(
        /^range: bytes=(\d+)-/im.exec(new TextDecoder().decode(request.subarray(0, length)))?.[1] ?? 0,
      );
      const { head, body } = behave(start, starts.push(start) - 1, port);
      const lines = [...head, "connection: close", "", ""].join("\r\n");
      const answer = Uint8Array.from([...new TextEncoder().encode(lines), ...body]);
      for (let at = 0; at < answer.length;) at += await connection.write(answer.subarray(at));
    } catch {
      // The client may go away first.
    } finally {
      connection.close();
    }
  }
}

interface Outcome {
  /** Where each request began. */
  readonly starts: readonly number[];
  /** What lies in the folder afterwards, hidden or not. */
  readonly files: readonly string[];
  readonly path: string;
}

/** Runs a download against a behaviour in a fresh folder and checks that no partial file is in place. */
async function attempt(
  behave: Behaviour,
  run: (path: string, file: RemoteFile) => Promise<void>,
  changes: Partial<RemoteFile> = {},
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const starts: number[] = [];
  const serving = serve(listener, behave, starts);
  try {
    const file: RemoteFile = {
      url: `http://127.0.0.1:${listener.addr.port}/data.bin`,
      size: CONTENT.length,
      digest: { algorithm: "sha256", hex: HEX },
      ...changes,
    };
    const path = `${folder}/data.bin`;
    await run(path, file);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    if (files.includes("data.bin")) assert.deepEqual(Deno.readFileSync(path), CONTENT);
    return { starts, files, path };
  } finally {
    listener.close();
    await serving;
    await Deno.remove(folder, { recursive: true });
  }
}

const succeed = async (path: string, file: RemoteFile) => assert.equal(await download(file, path), true);
const fail = (message: RegExp) => async (path: string, file: RemoteFile) => {
  await assert.rejects(download(file, path), { name: "InputError", message });
};

Deno.test("download() fetches a file, reports progress, and does nothing when it is there", async () => {
  const { starts, files } = await attempt(honest, async (path, file) => {
    const seen: number[] = [];
    assert.equal(await download(file, path, { onProgress: (done) => seen.push(done) }), true);
    assert.deepEqual([seen[0], seen.at(-1)], [0, CONTENT.length]);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
    assert.equal(await download(file, path), false);
  });
  assert.deepEqual(starts, [0]);
  assert.deepEqual(files, ["data.bin"]);
});

Deno.test("download() accepts a file by MD5 where only that is published", async () => {
  const hex = createHash("md5").update(CONTENT).digest("hex");
  await attempt(honest, succeed, { digest: { algorithm: "md5", hex } });
});

Deno.test("download() goes on where a cut connection ended", async () => {
  const { starts } = await attempt(
    (start, n) => cut(honest(start, n, 0), 100_000),
    succeed,
  );
  assert.deepEqual(starts, [0, 100_000, 200_000]);
});

Deno.test("download() keeps what arrived for the next call when the server breaks off for good", async () => {
  let broken = true;
  const { starts } = await attempt(
    (start, n) => broken ? cut(honest(start, n, 0), start === 0 ? 5000 : 0) : honest(start, n, 0),
    async (path, file) => {
      await fail(
        /^Cannot download http.*: the connection was cut at byte 5000 of 300000; run again to go on$/,
      )(path, file);
      assert.equal((await Deno.stat(partOf(path))).size, 5000);
      await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
      broken = false;
      await succeed(path, file);
    },
  );
  assert.deepEqual(starts, [0, 5000, 5000, 5000, 5000]);
});

Deno.test("download() starts again where a server ignores Range", async () => {
  const { starts } = await attempt((_, n) => n === 0 ? cut(whole(), 100_000) : whole(), succeed);
  assert.deepEqual(starts, [0, 100_000]);
});

Deno.test("download() gives up on a server that always ends early, with or without admitting it", async () => {
  const admits = await attempt(
    () => ({ head: ["HTTP/1.1 200 OK"], body: CONTENT.subarray(0, 1000) }),
    fail(/: the server broke off at byte 1000 of 300000; run again/),
  );
  const lies = await attempt(
    () => cut(whole(), 1000),
    fail(/: the connection was cut at byte 1000 of 300000/),
  );
  for (const { files } of [admits, lies]) assert.deepEqual(files, [".data.bin.part"]);
});

Deno.test("download() refuses other lengths, declared or not", async () => {
  const longer = Uint8Array.from([...CONTENT, 1]);
  await attempt(() => whole(longer), fail(/: found a file of 300001 bytes, wanted 300000$/));
  const { files } = await attempt(
    () => ({ head: ["HTTP/1.1 200 OK"], body: longer }),
    fail(/: found more than 300000 bytes$/),
  );
  assert.ok(!files.includes("data.bin"));
});

Deno.test("download() refuses other bytes and keeps none of them", async () => {
  const other = CONTENT.slice();
  other[299_999]! ^= 1;
  const { files, starts } = await attempt(
    () => whole(other),
    fail(/: found sha256 [0-9a-f]{64}, wanted [0-9a-f]{64}$/),
  );
  assert.deepEqual(files, []);
  assert.equal(starts.length, 1);
});

Deno.test("download() drops an earlier part that belongs to another version", async () => {
  const { starts } = await attempt(honest, async (path, file) => {
    await Deno.writeFile(partOf(path), new Uint8Array(1234));
    await succeed(path, file);
  });
  assert.deepEqual(starts, [1234, 0]);
});

Deno.test("download() refuses a range it did not ask for", async () => {
  await attempt(
    (start) => start > 0 ? range(7) : cut(whole(), 10),
    fail(/: found bytes bytes 7-.*, wanted 10 to 299999/),
  );
});

Deno.test("download() refuses error pages", async () => {
  const page = new TextEncoder().encode("gone");
  await attempt(
    () => ({ head: ["HTTP/1.1 404 Not Found", "content-length: 4"], body: page }),
    fail(/: found status 404 Not Found$/),
  );
});

Deno.test("download() follows redirects to known hosts only", async () => {
  const to = (host: string): Answer => ({
    head: ["HTTP/1.1 302 Found", `location: http://${host}/other`, "content-length: 0"],
    body: new Uint8Array(),
  });
  const { starts } = await attempt((_, n, port) => n === 0 ? to(`127.0.0.1:${port}`) : whole(), succeed);
  assert.equal(starts.length, 2);
  await attempt(() => to("127.0.0.2"), fail(/: found a redirect to 127\.0\.0\.2, wanted 127\.0\.0\.1:\d+$/));
  await attempt((_, __, port) => to(`127.0.0.1:${port}`), fail(/: found more than 5 redirects$/));
});

Deno.test("download() does not overwrite another file", async () => {
  const { starts } = await attempt(honest, async (path, file) => {
    await Deno.writeTextFile(path, "mine");
    await fail(/^Cannot download to .*: found a file with sha256 .*; remove it first$/)(path, file);
    assert.equal(await Deno.readTextFile(path), "mine");
    await Deno.remove(path);
  });
  assert.deepEqual(starts, []);
});

Deno.test({
  name: "download() names the permission it lacks",
  permissions: { net: false, read: true, write: true },
  async fn() {
    const folder = await Deno.makeTempDir();
    const file = {
      url: "http://127.0.0.1:9999/x",
      size: 1,
      digest: { algorithm: "sha256", hex: HEX },
    } as const;
    await assert.rejects(download(file, `${folder}/x`), {
      message: /allow it with --allow-net=127\.0\.0\.1:9999$/,
    });
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("download() stops when told to and can go on later", async () => {
  const { starts } = await attempt(honest, async (path, file) => {
    const controller = new AbortController();
    const stopping = download(file, path, {
      signal: controller.signal,
      onProgress: (done) => done > 0 && controller.abort(),
    });
    await assert.rejects(stopping);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await succeed(path, file);
  });
  assert.equal(starts.length, 2);
});
