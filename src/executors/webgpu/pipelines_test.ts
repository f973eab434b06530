import assert from "node:assert/strict";
import { PipelineCache, pipelineName, type PipelineSpec, sourceExcerpt } from "./pipelines.ts";
import { gpuTest } from "./testing.ts";

const good = `
override SIZE: u32 = 4;
@compute @workgroup_size(SIZE)
fn main() {}
`;

function spec(source: string, changes: Partial<PipelineSpec> = {}): PipelineSpec {
  return {
    kernel: "test/kernel",
    source,
    entryPoint: "main",
    constants: {},
    uniforms: [],
    bindings: [],
    ...changes,
  };
}

Deno.test("pipelineName() names kernel, entry point and constants in a fixed order", () => {
  assert.equal(pipelineName(spec(good)), "test/kernel:main");
  assert.equal(pipelineName(spec(good, { constants: { TILE: 8, A: 1 } })), "test/kernel:main?A=1&TILE=8");
});

Deno.test("sourceExcerpt() marks the column under the line", () => {
  assert.equal(
    sourceExcerpt("a\nb\nlet x = ;\nd\ne\nf", 3, 9),
    "    1 | a\n    2 | b\n    3 | let x = ;\n      |         ^\n    4 | d\n    5 | e",
  );
});

gpuTest("PipelineCache compiles each combination of constants once", async (gpu) => {
  const cache = new PipelineCache(gpu.device);
  const [first, again, other] = await Promise.all([
    cache.get(spec(good)),
    cache.get(spec(good)),
    cache.get(spec(good, { constants: { SIZE: 8 } })),
  ]);
  assert.equal(first, again);
  assert.notEqual(first, other);
  assert.equal(cache.size, 2);
});

gpuTest(
  "PipelineCache reports bad WGSL with kernel, line and excerpt, and forgets the failure",
  async (gpu) => {
    const cache = new PipelineCache(gpu.device);
    const bad = "@compute @workgroup_size(1)\nfn main() {\n  let x: u32 = 1.5;\n}\n";
    await assert.rejects(cache.get(spec(bad)), ({ message }: Error) => {
      assert.match(message, /^Cannot compile kernel "test\/kernel:main": line 3: /);
      assert.match(message, /\n {4}3 \| {3}let x: u32 = 1\.5;\n {6}\| +\^/);
      return true;
    });
    assert.equal(cache.size, 0);
    await cache.get(spec(good));
  },
);

gpuTest("PipelineCache reports a workgroup that is too large with the kernel's name", async (gpu) => {
  const cache = new PipelineCache(gpu.device);
  await assert.rejects(
    cache.get(spec(good, { constants: { SIZE: 1_000_000 } })),
    /^Error: Cannot compile kernel "test\/kernel:main\?SIZE=1000000": /,
  );
  assert.equal(cache.size, 0);
});

gpuTest("PipelineCache refuses two kernels of one name", async (gpu) => {
  const cache = new PipelineCache(gpu.device);
  await cache.get(spec(good));
  assert.throws(() => cache.get(spec(good + "\n")), /found two kernels of this name/);
});
