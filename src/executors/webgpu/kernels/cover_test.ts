import assert from "node:assert/strict";
import type { LoweringContext } from "../kernel.ts";
import { coverRows, coverUnits, quadsOf, sizeClass } from "./cover.ts";

function context(software: boolean): LoweringContext {
  return {
    software,
    maxInvocations: 128,
    maxWorkgroupStorageBytes: 16_384,
    scratch: (label, size) => ({ kind: "scratch", label, size }),
    variant: (_family, _shapeClass, variants) => variants[0]!,
  };
}

Deno.test("coverRows() gives a row a workgroup as wide as it needs and the device allows, in hardware", () => {
  const lanes = (width: number) => coverRows("f", 3, width, context(false)).constants.WORKGROUP;
  assert.deepEqual([1, 32, 33, 128, 129, 5000].map(lanes), [32, 32, 64, 128, 128, 128]);
  assert.deepEqual(coverRows("f", 70_000, 4, context(false)).workgroups, [35_000, 2, 1]);
});

Deno.test("coverRows() gives a row an invocation, in software", () => {
  const { variant, workgroups, constants } = coverRows("f", 130, 5000, context(true));
  assert.deepEqual({ variant, workgroups, constants }, {
    variant: "row",
    workgroups: [3, 1, 1],
    constants: { WORKGROUP: 64 },
  });
});

Deno.test("coverUnits() and quadsOf() round up", () => {
  assert.deepEqual([1, 64, 65].map((count) => coverUnits(count).workgroups[0]), [1, 1, 2]);
  assert.deepEqual([1, 4, 5].map(quadsOf), [1, 1, 2]);
});

Deno.test("sizeClass() puts sizes with their nearest power of two", () => {
  assert.deepEqual([1, 5, 6, 100, 1000].map(sizeClass), [1, 4, 8, 128, 1024]);
});
