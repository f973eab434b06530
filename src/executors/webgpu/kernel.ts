/**
 * The contract between kernels and the rest of the WebGPU executor. A kernel family is a folder under
 * `kernels/` with its WGSL as text and a `lower` function from a graph node to dispatches. Lowering is pure data:
 * it creates no GPU object, so planning, pipelines, bind groups and errors are handled in one place.
 *
 * WGSL conventions: `@group(0) @binding(0)` is a uniform struct of 4-byte scalars in the order of `uniforms`
 * (absent if `uniforms` is empty); storage buffers follow from `@binding(1)` in the order of `bindings`. Sizes of
 * workgroups and tiles are `override` constants, shapes are uniforms. Buffers are `array<f32>`, `array<i32>` or
 * `array<vec4<f32>>`, those of bytes `array<u32>` (`kernels/from_bytes`); every binding is as long as its tensor rounded up to 4 elements, and the excess holds
 * unspecified values that must not influence results. A tensor that is read may lie inside another (`views.ts`).
 *
 * @module
 */
import type { Program } from "../../graph/graph.ts";
import type { CompositeName, NodeOf, OpName, Tensor } from "../../graph/ops.ts";

/** Memory that lives only between the dispatches of one node. */
export interface Scratch {
  /** Tells it from a graph node. */
  readonly kind: "scratch";
  /** Shown in errors. */
  readonly label: string;
  /** Length in 4-byte elements. */
  readonly size: number;
}

/** What a storage binding points to: the value of a graph node, or scratch memory. */
export type BufferRef = Tensor | Scratch;

/** One storage binding. A buffer may appear only once among a dispatch's writable bindings, and then nowhere else. */
export interface StorageBinding {
  /** What is bound. */
  readonly buffer: BufferRef;
  /** As the WGSL declares it. */
  readonly access: "read" | "read_write";
}

/** A 4-byte scalar of the uniform struct. Numbers must say what they are: WGSL cannot convert for us. */
export type UniformValue = { readonly u32: number } | { readonly i32: number } | { readonly f32: number };

/** One compute dispatch. */
export interface Dispatch {
  /** Family and purpose, such as `"matmul/tiled"`. With entry point and constants it names the pipeline in errors and caches. */
  readonly kernel: string;
  /** The WGSL module. */
  readonly source: string;
  /** Name of the compute function in `source`. */
  readonly entryPoint: string;
  /** Values of `override` constants. */
  readonly constants: Readonly<Record<string, number>>;
  /** The uniform struct, field by field; empty for a kernel without one. */
  readonly uniforms: readonly UniformValue[];
  /** Storage buffers from `@binding(1)` on. */
  readonly bindings: readonly StorageBinding[];
  /** Each from 1 to `MAX_WORKGROUPS`; `grid` splits a larger one-dimensional count. */
  readonly workgroups: readonly [number, number, number];
  /** For `kernels` benches and the tuner: arithmetic and memory traffic of this dispatch. */
  readonly flops?: number;
  /** Bytes read and written. */
  readonly bytes?: number;
}

/** What lowering may know of the device, and how it asks for scratch and for a tuned choice. */
export interface LoweringContext {
  /** llvmpipe, SwiftShader and the like: register tiles, no workgroup memory. */
  readonly software: boolean;
  /** Limits of the device. */
  readonly maxInvocations: number;
  readonly maxWorkgroupStorageBytes: number;
  scratch(label: string, size: number): Scratch;
  /**
   * Which variant of a family to use for a class of shapes. Only variants that can run here and for this node may
   * be offered, the best guess for this kind of adapter first: it is taken unless the tuner has measured otherwise
   * or the caller of the executor forces one. Results never depend on the choice beyond rounding.
   */
  variant<V extends string>(family: string, shapeClass: string, variants: readonly V[]): V;
}

/** Turns one node into dispatches; the last one that writes `node` completes it. */
export type Lower<K extends OpName> = (node: NodeOf<K>, context: LoweringContext) => readonly Dispatch[];

/**
 * How an executor treats an op: by kernels; as what it expands to (composite ops only); as a view of its operand's
 * memory; or not at all, because its memory is filled from outside.
 */
export type Lowering<K extends OpName> =
  | Lower<K>
  | (K extends CompositeName ? "expand" : never)
  | "view"
  | "leaf";

/** How often a value is used: by nodes, outputs and updates. */
export type Uses = (node: Tensor) => number;

/**
 * A peephole optimisation, such as a bias and an activation in the epilogue of a product. It sees the program once,
 * and then every node that is needed, users before operands. What the returned dispatches do not read is not
 * computed, unless something else needs it. Changes rounding at most.
 *
 * @returns For the last node of a pattern the dispatches that write it, else nothing
 */
export type Fusion = (
  program: Program,
  uses: Uses,
) => (node: Tensor, context: LoweringContext) => readonly Dispatch[] | undefined;

/** Workgroups along one axis of a grid: what every WebGPU device can do. */
export const MAX_WORKGROUPS = 65_535;

/** Splits a number of workgroups over two grid axes; kernels rebuild the index as `id.x + id.y * num_workgroups.x`. */
export function grid(workgroups: number): readonly [number, number, number] {
  if (workgroups <= MAX_WORKGROUPS) return [Math.max(1, workgroups), 1, 1];
  const rows = Math.ceil(workgroups / MAX_WORKGROUPS);
  return [Math.ceil(workgroups / rows), rows, 1];
}

/** Number of groups of `size` that cover `count`. */
export function ceilDiv(count: number, size: number): number {
  return Math.ceil(count / size);
}

/** A binding that is only read. */
export function read(buffer: BufferRef): StorageBinding {
  return { buffer, access: "read" };
}

/** A binding that is written. */
export function write(buffer: BufferRef): StorageBinding {
  return { buffer, access: "read_write" };
}

/** An unsigned uniform. */
export function u32(value: number): UniformValue {
  return { u32: value };
}

/** A float uniform. */
export function f32(value: number): UniformValue {
  return { f32: value };
}
