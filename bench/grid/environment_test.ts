import assert from "node:assert/strict";
import { createExecutor } from "../../src/executors/mod.ts";
import { arithmeticOf } from "./arithmetic.ts";
import { describeEnvironment, instructionsIn, nameMachine } from "./environment.ts";

Deno.test("instructionsIn() lists vector extensions, of x86 and of ARM", () => {
  const x86 =
    "processor\t: 0\nflags\t\t: fpu sse sse2 avx2 fma avx512f sse4_2 f16c amx_int8\nbugs\t: spectre\n";
  assert.deepEqual(instructionsIn(x86), ["amx_int8", "avx2", "avx512f", "f16c", "fma", "sse4_2"]);
  assert.deepEqual(instructionsIn("Features\t: fp asimd evtstrm asimddp sve i8mm\n"), [
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
  ]);
  assert.equal(instructionsIn(""), null);
  assert.equal(instructionsIn("flags : fpu\n"), null);
});

Deno.test("arithmeticOf() is the same each time, and tells backends apart that round otherwise", async () => {
  const found = [];
  for (const backend of ["reference", "onnx-node", "onnx-node", "onnx-web"] as const) {
    const { executor } = await createExecutor(backend, { threads: 1 });
    found.push(await arithmeticOf(executor));
    await executor.dispose();
  }
  const [reference, node, again] = found;
  for (const fingerprint of found) assert.match(fingerprint, /^[0-9a-f]{16}$/);
  assert.equal(again, node);
  assert.notEqual(node, reference);
});

Deno.test("describeEnvironment() names versions, processor and device", async () => {
  const info = { backend: "reference", device: "loops", details: {} } as const;
  const environment = await describeEnvironment(info, "0123456789abcdef");
  assert.equal(environment["device"], "loops");
  const { architecture, arithmetic } = environment["processor"] as Record<string, unknown>;
  assert.deepEqual([architecture, arithmetic], [Deno.build.arch, "0123456789abcdef"]);
});

Deno.test({
  name: "describeEnvironment() and nameMachine() do without what they may not ask",
  permissions: { read: [new URL("../..", import.meta.url)] },
  async fn() {
    const info = { backend: "reference", device: "loops", details: {} } as const;
    const { processor } = await describeEnvironment(info, "0");
    assert.deepEqual(processor, {
      architecture: Deno.build.arch,
      model: null,
      instructions: null,
      arithmetic: "0",
    });
    assert.deepEqual(await nameMachine(), {});
  },
});
