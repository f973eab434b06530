import assert from "node:assert/strict";
import type { PipelineEntry } from "../../src/executors/mod.ts";
import { coverPipelines } from "./wgsl_cover.ts";

const source = `override THREADS: u32 = 8; // by BIAS
override BLOCKS: u32 = 1;
override TILE = 4u * BLOCKS;
override BIAS: bool = false;
override COMBINE: u32 = 0;
var<workgroup> tile: array<f32, TILE>;
@compute @workgroup_size(THREADS) fn main() {}`;

/** All combinations. */
function* product(): Generator<PipelineEntry> {
  for (const THREADS of [4, 8]) {
    for (const BLOCKS of [1, 2, 3]) {
      for (const BIAS of [0, 1]) {
        for (const COMBINE of [0, 1, 2, 3]) {
          const constants = { THREADS, BLOCKS, BIAS, COMBINE };
          yield {
            name: JSON.stringify(constants),
            kernel: "k",
            source,
            entryPoint: "main",
            constants,
            layout: [],
          };
        }
      }
    }
  }
}

Deno.test("coverPipelines() keeps all sizes together and every other value once", () => {
  const entries = [...product()];
  const kept = coverPipelines(entries);
  const extents = (of: readonly PipelineEntry[]) =>
    new Set(of.map(({ constants: { THREADS, BLOCKS } }) => `${THREADS} ${BLOCKS}`));
  assert.deepEqual(extents(kept), extents(entries));
  for (const name of ["BIAS", "COMBINE"]) {
    const values = (of: readonly PipelineEntry[]) => new Set(of.map(({ constants }) => constants[name]));
    assert.deepEqual(values(kept), values(entries), name);
  }
  // Six sizes, of which the first brings one value of each switch, and four more values.
  assert.ok(kept.length <= 10, `${kept.length} of ${entries.length}`);
});

Deno.test("coverPipelines() keeps what differs by entry point or layout", () => {
  const [first] = product();
  const others = [first!, { ...first!, entryPoint: "other" }, {
    ...first!,
    layout: [{ binding: 0, type: "storage" as const }],
  }];
  assert.deepEqual(coverPipelines([...others, first!]), others);
});
