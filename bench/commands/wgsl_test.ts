import assert from "node:assert/strict";
import { callCommand, inFolder } from "../test_kit.ts";
import { wgsl } from "./wgsl.ts";

interface Listed {
  readonly name: string;
  readonly source: string;
  readonly entryPoint: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly layout: readonly { readonly binding: number; readonly type: string }[];
}

Deno.test("wgsl writes every pipeline with its source, entry point, constants and layout", async () => {
  await inFolder(async (folder) => {
    // CI compiles what all methods ask for; here two tell enough.
    const flags = ["--backend", "onnx", "--methods", "ham,taskarith:rankCap=4"];
    const { code, out, err } = await callCommand(wgsl, ["--out", `${folder}/wgsl`, ...flags]);
    assert.deepEqual([code, err], [0, ""]);
    const pipelines: Listed[] = JSON.parse(await Deno.readTextFile(`${folder}/wgsl/pipelines.json`));
    assert.match(out, new RegExp(`^${pipelines.length} pipelines of `));
    const sources = new Map<string, string>();
    for await (const { name } of Deno.readDir(`${folder}/wgsl`)) {
      if (name.endsWith(".wgsl")) sources.set(name, await Deno.readTextFile(`${folder}/wgsl/${name}`));
    }
    assert.deepEqual([...new Set(pipelines.map(({ source }) => source))].sort(), [...sources.keys()].sort());
    for (const { name, source, entryPoint, constants, layout } of pipelines) {
      const text = sources.get(source)!;
      assert.match(text, new RegExp(`fn ${entryPoint}\\(`), name);
      for (const constant of Object.keys(constants)) {
        assert.match(text, new RegExp(`override ${constant}\\b`), name);
      }
      for (const { binding } of layout) assert.match(text, new RegExp(`@binding\\(${binding}\\)`), name);
    }
    // The step, the merges, and variants of both profiles with access by fours and one by one.
    const names = pipelines.map(({ name }) => name);
    for (
      const part of [
        /^adamwStep:/,
        /^sgdStep:/,
        /^crossEntropyGrad:backward_group/,
        /^softmax:forward_row/,
        /^loraGram:/,
        /^topKThreshold:/,
        /^prune:/,
        /^attention\/registers\/quads:gradient_kv/,
        /^attention\/tiles\/scalars:/,
        /^matmul\/tiles\/quads:main\?.*LOW_RANK=1/,
        /^matmul\/registers\/scalars:/,
        /^matmul\/split_sum\/quads:.*BIAS=1/,
      ]
    ) {
      assert.ok(names.some((name) => part.test(name)), `${part}`);
    }
  });
});

Deno.test("wgsl wants a folder", async () => {
  const { code, err } = await callCommand(wgsl, []);
  assert.equal(code, 2);
  assert.match(err, /--out/);
});
