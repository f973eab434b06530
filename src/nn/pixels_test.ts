import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { type Preprocessing, toFloatImages } from "../data/preprocess.ts";
import { normalisePixels } from "./pixels.ts";
import { distance, evaluate } from "./testing.ts";

const rgb = { mean: [0.48, 0.46, 0.41], std: [0.22, 0.23, 0.24] };
const gray = { mean: [0.3], std: [0.4] };
const cases: Readonly<Record<string, Preprocessing>> = {
  "as stored": { channels: 3, height: 5, width: 5, size: 5, ...rgb },
  "gray to RGB, enlarged": { channels: 1, height: 7, width: 5, size: 12, ...rgb },
  "RGB to gray": { channels: 3, height: 4, width: 4, size: 4, ...gray },
  "RGB to gray, one side shrunk": { channels: 3, height: 4, width: 9, size: 4, ...gray },
  "shrunk by more than two": { channels: 3, height: 17, width: 13, size: 5, ...rgb },
  "one pixel enlarged": { channels: 1, height: 1, width: 1, size: 3, ...gray },
};

for (const [name, options] of Object.entries(cases)) {
  Deno.test(`normalisePixels() computes what the host computes: ${name}`, async () => {
    const { channels, height, width } = options;
    const count = 3;
    const rng = createRng(0, name);
    const images = Uint8Array.from({ length: count * channels * height * width }, () => rng.integer(256));
    const split = { images, labels: new Int32Array(count), count };
    const { y } = await evaluate(
      (graph) => ({
        y: normalisePixels(graph, graph.input("x", [count, channels, height, width]), options),
      }),
      {},
      { x: Float32Array.from(images) },
    );
    assert.ok(distance(y!, toFloatImages(split, [0, 1, 2], options)) < 2e-6);
  });
}
