import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sha256 } from "../../core/json.ts";
import { createImageCodec } from "./codec.ts";

const codec = await createImageCodec();

/** Files and the SHA-256 of the pixels that Pillow gives; `fixtures/make/images.py` made them. */
const files: Readonly<
  Record<
    string,
    { readonly base64: string; readonly width: number; readonly height: number; readonly rgb: string }
  >
> = JSON.parse(await Deno.readTextFile(new URL("../../../fixtures/data/images.json", import.meta.url)));

Deno.test("decode() gives Pillow's pixels for every kind of image", async (t) => {
  for (const [name, { base64, width, height, rgb }] of Object.entries(files)) {
    await t.step(name, async () => {
      const image = await codec.decode(name, new Uint8Array(Buffer.from(base64, "base64")));
      assert.deepEqual([image.width, image.height], [width, height]);
      assert.equal(sha256(Uint8Array.from(image.data.filter((_, i) => i % 4 !== 3))), rgb);
    });
  }
});
