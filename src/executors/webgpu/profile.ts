/**
 * Where the time of a program goes: every dispatch measured by itself, with the arithmetic and memory traffic its
 * kernel declares.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import type { Program } from "../../graph/graph.ts";
import type { DeviceTensor, DeviceTensorOptions, HostArray } from "../executor.ts";
import { blankValues } from "../host_values.ts";
import type { BoundStep, WebGpuExecutable } from "./executable.ts";
import { pipelineName } from "./pipelines.ts";
import { describeRef } from "./views.ts";

/** Values of inputs and states by name. */
export type Feeds = Readonly<Record<string, HostArray>>;

/** One dispatch of a program. */
export interface DispatchProfile {
  /** Kernel, entry point and constants. */
  readonly kernel: string;
  /** The node it computes, wholly or in part. */
  readonly node: string;
  /** Median over several measurements. */
  readonly seconds: number;
  /** What the kernel declares; absent if it does not. */
  readonly flops: number | undefined;
  /** Bytes read and written by the kernel's own account; absent if it gives none. */
  readonly bytes: number | undefined;
}

/** A program's dispatches and memory. */
export interface ProgramProfile {
  /** In the order they run. */
  readonly dispatches: readonly DispatchProfile[];
  /** Memory of intermediate values. */
  readonly memory: {
    readonly bytes: number;
    /** What it would be if no two values shared any. */
    readonly bytesWithoutReuse: number;
    /** State updates that need a copy at the end of a run. */
    readonly copies: number;
  };
}

/** What profiling needs of an executor. */
export interface ProfilingHost {
  tensor(options: DeviceTensorOptions): DeviceTensor;
  compile(program: Program, states: Readonly<Record<string, DeviceTensor>>): Promise<WebGpuExecutable>;
}

/**
 * Compiles a program with tensors of its own and measures it.
 *
 * @param feeds Zeros where absent
 * @param time Seconds of each step
 */
export async function profileProgram(
  host: ProfilingHost,
  program: Program,
  feeds: Feeds,
  time: (steps: readonly BoundStep[]) => Promise<readonly number[]>,
): Promise<ProgramProfile> {
  for (const name of Object.keys(feeds)) {
    if (!(name in program.inputs) && !(name in program.states)) {
      throw new RangeError(`Cannot profile: the program has neither input nor state "${name}"`);
    }
  }
  const states = mapValues(program.states, ({ shape, dtype }, name) => {
    const values = feeds[name];
    return host.tensor({ shape, dtype, label: name, ...(values ? { values } : {}) });
  });
  const inputs = mapValues(
    program.inputs,
    ({ shape, dtype }, name) => feeds[name] ?? blankValues(dtype, sizeOf(shape)),
  );
  const executable = await host.compile(program, states);
  try {
    // Makes every intermediate value what it is in a real run.
    await executable.run(inputs);
    const seconds = await time(executable.steps);
    return {
      dispatches: executable.steps.map(({ dispatch, node }, i) => ({
        kernel: pipelineName(dispatch),
        node: describeRef(node),
        seconds: seconds[i]!,
        flops: dispatch.flops,
        bytes: dispatch.bytes,
      })),
      memory: executable.memory,
    };
  } finally {
    executable.dispose();
    for (const tensor of Object.values(states)) tensor.dispose();
  }
}

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
