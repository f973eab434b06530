/**
 * A model of the field's size within the limits that every WebGPU device has, planned without running it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sizeOf } from "../core/shape.ts";
import { sizeClass } from "../executors/webgpu/arena.ts";
import { createContext } from "../executors/webgpu/context.ts";
import type { DeviceDescription } from "../executors/webgpu/device.ts";
import { planMemory } from "../executors/webgpu/planner.ts";
import { nativeProgram, schedule } from "../executors/webgpu/schedule.ts";
import { paddedSize } from "../executors/webgpu/views.ts";
import type { Program } from "../graph/graph.ts";
import { vitB16 as config } from "../nn/config.ts";
import { featureBatch } from "./features.ts";
import { type RunShape, traceFeatures, traceFisher, traceLoraStep } from "./lora_programs.ts";
import { defaultOptimiser } from "./optimiser.ts";

const shape: RunShape = {
  config,
  batch: 8,
  classes: 200,
  head: "linear",
  lora: { rank: 8, scale: 1, targets: ["q", "v"] },
};

/** What every WebGPU device has (W3C, WebGPU, "Limits"). */
const limits: DeviceDescription["limits"] = {
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
};

const programs: Readonly<Record<string, () => Program>> = {
  "the LoRA step": () => traceLoraStep(shape, defaultOptimiser, { trainImportance: false }).program,
  "the feature program": () => traceFeatures(config, featureBatch(config)),
  "the Fisher information": () => traceFisher(shape).program,
};

for (const software of [true, false]) {
  for (const [what, trace] of Object.entries(programs)) {
    Deno.test(`ViT-B/16: ${what} fits default WebGPU limits (${software ? "software" : "hardware"})`, () => {
      const description = {
        ...{ vendor: "", architecture: "", description: "defaults", features: [] },
        ...{ software, limits },
      };
      const rules = { forced: {}, measured: () => undefined, answered() {} };
      const program = nativeProgram(trace());
      const { steps } = schedule(program, () => createContext(description, "auto", rules));
      const plan = planMemory(program, steps.map(({ dispatch }) => dispatch));

      for (const { dispatch: { kernel, bindings } } of steps) {
        assert.ok(bindings.length <= limits.maxStorageBuffersPerShaderStage, `${kernel}: ${bindings.length}`);
        for (const { buffer } of bindings) {
          const bytes = 4 * paddedSize(buffer);
          assert.ok(bytes <= limits.maxStorageBufferBindingSize, `${kernel} binds ${bytes} bytes`);
        }
      }
      for (const slot of plan.slots) {
        assert.ok(sizeClass(4 * slot) <= limits.maxBufferSize, `${4 * slot} bytes`);
      }
      for (const [name, { shape }] of Object.entries(program.states)) {
        assert.ok(4 * sizeOf(shape) <= limits.maxStorageBufferBindingSize, name);
      }
    });
  }
}
