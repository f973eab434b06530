import assert from "node:assert/strict";
import { attention, gelu, matmul, softmax } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { opCases, programOf } from "../cases.ts";
import { listPipelines } from "./catalogue.ts";
import { createContext } from "./context.ts";
import { pipelineName } from "./pipelines.ts";
import { nativeProgram, schedule } from "./schedule.ts";

const program = trace((graph) => {
  const x = graph.input("x", [2, 16, 96]);
  const [w, v] = [graph.input("w", [96, 96]), graph.input("v", [96, 5])];
  graph.output("y", softmax(matmul(gelu(matmul(attention(x, 2), graph.input("u", [32, 96]))), w)));
  graph.output("z", matmul(x, v));
});

Deno.test("listPipelines() has what any rules and any variant lead to", () => {
  const names = new Set(listPipelines([program]).map(({ name }) => name));
  const limits = { maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16_384 };
  for (const profile of ["software", "hardware"] as const) {
    const seen = new Set<string>();
    const forced = [
      {},
      { attention: "registers", softmax: "row", matmul: "registers-8x8" },
      { attention: "deep tiles", softmax: "group", matmul: "tiles-16x64-4x4-split" },
    ];
    for (const variants of forced) {
      const description = { limits, software: false } as Parameters<typeof createContext>[0];
      const context = createContext(description, profile, {
        forced: variants,
        measured: () => undefined,
        answered: () => {},
      });
      for (const { dispatch } of schedule(nativeProgram(program), () => context).steps) {
        seen.add(pipelineName(dispatch));
      }
    }
    assert.ok(seen.size >= 8, `${seen.size}`);
    assert.deepEqual([...seen].filter((name) => !names.has(name)), []);
  }
});

Deno.test("listPipelines() lists each pipeline once, with the layout it is bound by", () => {
  const entries = listPipelines([program, program]);
  assert.equal(new Set(entries.map(({ name }) => name)).size, entries.length);
  const rows = entries.find(({ kernel, entryPoint }) =>
    kernel === "softmax" && entryPoint === "forward_row"
  )!;
  assert.deepEqual(rows.constants, { WORKGROUP: 64 });
  assert.deepEqual(rows.layout, [
    { binding: 0, type: "uniform" },
    { binding: 1, type: "read-only-storage" },
    { binding: 2, type: "storage" },
  ]);
  assert.match(rows.source, /fn forward_row/);
});

Deno.test("no entry point is out of reach of the shared cases", () => {
  const entries = listPipelines(opCases.map(programOf));
  const used = new Set(entries.map(({ source, entryPoint }) => `${source}\n${entryPoint}`));
  const unused = [...new Set(entries.map(({ source }) => source))].flatMap((source) =>
    [...source.matchAll(/@compute[^]*?\bfn (\w+)/g)].map(([, name]) => name!)
      .filter((name) => !used.has(`${source}\n${name}`))
  );
  assert.deepEqual(unused, []);
});
