import assert from "node:assert/strict";
import { encode } from "fast-png";
import { sha256 } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { jpegFile, JPEGS, plainPng, pngFile } from "../test_files.ts";
import { createImageCodec } from "./codec.ts";
import { readImageHeader } from "./header.ts";
import type { RgbaImage } from "./rgba_image.ts";

const codec = await createImageCodec();

/** Red, green and blue of every pixel. */
function rgb({ data }: RgbaImage): number[] {
  return [...data].filter((_, i) => i % 4 !== 3);
}

async function decodeRgb(bytes: Uint8Array): Promise<number[]> {
  return rgb(await codec.decode("x", bytes));
}

Deno.test("decode() gives libjpeg's pixels for JPEG", async () => {
  for (const name of ["baseline", "progressive", "gray"] as const) {
    const image = await codec.decode(name, jpegFile(name));
    assert.deepEqual([image.width, image.height], name === "gray" ? [12, 9] : [17, 13]);
    const values = rgb(image).filter((_, i) => name !== "gray" || i % 3 === 0);
    assert.equal(sha256(Uint8Array.from(values)), JPEGS[name].pixels, name);
    assert.equal(readImageHeader(name, jpegFile(name)).channels, name === "gray" ? 1 : 3);
  }
});

Deno.test("decode() refuses cut JPEG files, and decodes whole ones after many of them", async () => {
  const whole = jpegFile("baseline");
  for (let i = 0; i < 60; i++) {
    await assert.rejects(codec.decode("x", whole.subarray(0, whole.length - 60 + i)), {
      name: "InputError",
      message: /^Cannot decode x: found a damaged JPEG file \(Premature end of JPEG file\)$/,
    });
  }
  assert.equal(sha256(Uint8Array.from(rgb(await codec.decode("x", whole)))), JPEGS.baseline.pixels);
});

Deno.test("decode() gives back what fast-png packed, and drops alpha", async () => {
  const rng = createRng(0, "png");
  for (const channels of [1, 2, 3, 4]) {
    for (const depth of [8, 16] as const) {
      const count = 7 * 5 * channels;
      const values = Array.from({ length: count }, () => rng.integer(256));
      const data = depth === 8
        ? Uint8Array.from(values)
        : Uint16Array.from(values, (v) => 256 * v + rng.integer(256));
      const isGray = channels < 3;
      const wanted = Array.from(
        { length: 7 * 5 },
        (_, p) => [0, 1, 2].map((c) => values[p * channels + (isGray ? 0 : c)]),
      ).flat();
      const bytes = encode({ width: 7, height: 5, channels, depth, data });
      assert.deepEqual(await decodeRgb(bytes), wanted, `${channels} channels of ${depth} bits`);
      assert.equal(readImageHeader("x", bytes).channels, isGray ? 1 : 3);
    }
  }
});

Deno.test("decode() spreads gray of few bits over the full range, with rows from whole bytes", async () => {
  const decodeGray = async (depth: number, width: number, rows: readonly number[]) =>
    (await decodeRgb(pngFile({ width, height: 2, depth, colour: 0, rows: Uint8Array.from(rows) })))
      .filter((_, i) => i % 3 === 0);
  assert.deepEqual(await decodeGray(1, 3, [0, 0b101_00000, 0, 0b010_00000]), [255, 0, 255, 0, 255, 0]);
  assert.deepEqual(await decodeGray(2, 3, [0, 0b00_01_10_00, 0, 0b11_00_11_00]), [0, 85, 170, 255, 0, 255]);
  assert.deepEqual(await decodeGray(4, 3, [0, 0x0f, 0x10, 0, 0x23, 0x40]), [0, 255, 17, 34, 51, 68]);
});

Deno.test("decode() looks colours up in palettes", async () => {
  const palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
  const rows = Uint8Array.of(0, 0b00_10_01_00, 0, 0b10_10_00_00);
  assert.deepEqual(await decodeRgb(pngFile({ width: 3, height: 2, depth: 2, colour: 3, palette, rows })), [
    ...[10, 20, 30, 70, 80, 90, 40, 50, 60],
    ...[70, 80, 90, 70, 80, 90, 10, 20, 30],
  ]);
});

Deno.test("decode() reads interlaced PNG", async () => {
  // 2x2: pass 1 has (0,0), pass 6 (1,0), pass 7 the second row.
  const rows = Uint8Array.of(0, 1, 0, 2, 0, 3, 4);
  const image = pngFile({ width: 2, height: 2, depth: 8, colour: 0, interlaced: true, rows });
  assert.deepEqual((await decodeRgb(image)).filter((_, i) => i % 3 === 0), [1, 2, 3, 4]);
});

Deno.test("decode() refuses PNG files that are not what they say", async () => {
  const good = { width: 4, height: 4, depth: 8, colour: 0, rows: new Uint8Array(20) } as const;
  const refused: readonly (readonly [Parameters<typeof pngFile>[0], RegExp])[] = [
    [{ ...good, rows: new Uint8Array(19) }, /found damage \(19 bytes of pixels, not 20\)/],
    [{ ...good, rows: new Uint8Array(10_000_000) }, /found damage/],
    [{ ...good, depth: 3 }, /found colour type 0 of 3 bits/],
    [{ ...good, colour: 5 }, /found colour type 5 of 8 bits/],
    [{ ...good, width: 0 }, /found an image of 0x4 in \d+ bytes/],
    [{ ...good, width: 60_000, height: 60_000 }, /found an image of 60000x60000 in \d+ bytes/],
    [{ ...good, extra: [["IHDR", new Uint8Array(13)]] }, /found a cut-off or unknown chunk/],
    [{ ...good, extra: [["ABCD", new Uint8Array(1)]] }, /found a cut-off or unknown chunk/],
    [{ ...good, colour: 3, palette: [1, 2, 3], rows: new Uint8Array(20).fill(2) }, /found damage/],
  ];
  for (const [parts, message] of refused) {
    await assert.rejects(codec.decode("x", pngFile(parts)), { name: "InputError", message });
  }
  const whole = plainPng(4, 4, [7]);
  await assert.rejects(codec.decode("x", whole.subarray(0, whole.length - 12)), { message: /cut-off/ });
  const flipped = whole.slice();
  flipped[50]! ^= 1;
  await assert.rejects(codec.decode("x", flipped), { name: "InputError" });
});

Deno.test("decode() ignores chunks that do not make pixels, even malicious ones", async () => {
  const bomb: readonly [string, Uint8Array] = ["iCCP", new TextEncoder().encode("x\0\0not zlib")];
  const rows = Uint8Array.of(0, 9);
  assert.deepEqual(
    await decodeRgb(pngFile({ width: 1, height: 1, depth: 8, colour: 0, rows, extra: [bomb] })),
    [9, 9, 9],
  );
});

Deno.test("decode() refuses what is no image, and says what it is", async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  for (
    const [bytes, found] of [
      [new Uint8Array(), "an empty file"],
      [new Uint8Array(100), "zeros"],
      [text("hello"), "no whole image header"],
      [Uint8Array.of(0xff, 0xd8, 0xff), "a cut-off or damaged JPEG file"],
      [plainPng(1, 1, [0]).subarray(0, 20), "a cut-off or damaged PNG file"],
      [
        text("version https" + "://git-lfs.github.com/spec/v1\noid sha256:0"),
        "a Git LFS pointer (git lfs pull fetches the file itself)",
      ],
      [text("<!DOCTYPE html><html>"), "an HTML page (a download that was answered by a web page)"],
      [text("\0\0\0\x1cftypavif\0\0"), "an AVIF image"],
    ] as const
  ) {
    await assert.rejects(codec.decode("x", bytes), {
      name: "InputError",
      message: `Cannot decode x: found ${found}, wanted a JPEG, PNG, WebP, BMP, GIF, TIFF or PNM file`,
    });
  }
});

/** Bilinear resampling with antialiasing in float64, as PIL and torchvision define it; one plane. */
function resizeReference(
  values: readonly number[],
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
) {
  const weights = (from: number, to: number) => {
    const scale = from / to, support = Math.max(1, scale);
    return Array.from({ length: to }, (_, i) => {
      const centre = (i + 0.5) * scale;
      const raw = Array.from(
        { length: from },
        (_, j) => Math.max(0, 1 - Math.abs((j + 0.5 - centre) / support)),
      );
      const sum = raw.reduce((total, weight) => total + weight, 0);
      return raw.map((weight) => weight / sum);
    });
  };
  const across = weights(width, toWidth), down = weights(height, toHeight);
  return down.flatMap((rowWeights) =>
    across.map((columnWeights) =>
      rowWeights.reduce(
        (total, rowWeight, y) =>
          total +
          rowWeight * columnWeights.reduce((sum, weight, x) => sum + weight * values[y * width + x]!, 0),
        0,
      )
    )
  );
}

Deno.test("fit() resizes as PIL's antialiased bilinear does", () => {
  const rng = createRng(1, "resize");
  for (
    const [width, height, toWidth, toHeight] of [[20, 20, 8, 8], [9, 9, 16, 16], [30, 15, 10, 5], [
      7,
      7,
      7,
      7,
    ]] as const
  ) {
    const plane = Array.from({ length: width * height }, () => rng.integer(256));
    const data = Uint8Array.from(plane.flatMap((value) => [value, 255 - value, 7, 255]));
    const result = codec.fit({ width, height, data }, { width: toWidth, height: toHeight });
    assert.deepEqual([result.width, result.height], [toWidth, toHeight]);
    resizeReference(plane, width, height, toWidth, toHeight).forEach((wanted, i) => {
      assert.ok(Math.abs(result.data[4 * i]! - wanted) <= 1, `${result.data[4 * i]} for ${wanted}`);
      assert.ok(Math.abs(result.data[4 * i + 1]! - (255 - wanted)) <= 1);
      assert.equal(result.data[4 * i + 2], 7);
    });
  }
});

Deno.test("fit() crops around the middle to the proportions wanted", () => {
  // Columns 0 to 5 of two rows; the middle square is columns 2 and 3.
  const data = Uint8Array.from(
    [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15].flatMap((value) => [value, value, value, 255]),
  );
  const square = codec.fit({ width: 6, height: 2, data }, { width: 2, height: 2 });
  assert.deepEqual(rgb(square).filter((_, i) => i % 3 === 0), [2, 3, 12, 13]);
  const tall = codec.fit({ width: 6, height: 2, data }, { width: 1, height: 2 });
  assert.deepEqual(rgb(tall).filter((_, i) => i % 3 === 0), [2, 12]);
});
