/**
 * `deno task doctor`: what this machine offers, which kernels it would run, and what `auto` would pick. Nothing that
 * is missing is an error: the answer is the point.
 *
 * @module
 */
import type { Command } from "commander";
import project from "../../deno.json" with { type: "json" };
import { BackendUnavailableError } from "../../src/core/mod.ts";
import { type BackendInfo, createExecutor, type Executor } from "../../src/executors/mod.ts";
import { trace } from "../../src/graph/mod.ts";
import * as ops from "../../src/graph/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";

interface Options {
  readonly json?: true;
}

/** A part of this machine, or in words why it is not there. */
type Found<T> = ({ readonly available: true } & T) | { readonly available: false; readonly reason: string };

/** The adapter that WebGPU gives and what our backend makes of it. */
interface GpuReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Who made the driver: the same kernels behave differently under each. */
  readonly driver: string;
  /** The Vulkan drivers that the environment restricts the choice to. */
  readonly driverFiles?: string;
  /** Computes on the CPU. */
  readonly software: boolean;
  /** The graphics interface below WebGPU, as far as it can be known. */
  readonly interface: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Milliseconds of an awaited read of four bytes: what every wait for the device costs. */
  readonly syncMilliseconds: number;
  /** By kernel family and class of shapes. */
  readonly variants: Readonly<Record<string, string>>;
}

interface Report {
  readonly versions: Readonly<Record<string, string>>;
  readonly target: string;
  readonly cores: number;
  readonly webgpu: Found<GpuReport>;
  readonly onnx: { readonly node: Found<OnnxReport>; readonly web: Found<OnnxReport> };
  readonly auto: Found<{ readonly backend: string; readonly why: string }>;
}

interface OnnxReport {
  readonly version: string;
  readonly threads: number;
}

/** Rows (images · tokens), outputs and inputs of projections and low-rank factors, at width 128 and in ViT-B. */
const SHAPES = [[2080, 128, 128], [2080, 8, 128], [6304, 768, 768], [6304, 8, 768]] as const;

/** The limits that kernels and memory plans depend on; `--json` has all. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
];

const READS = 7;

/** Uses a backend and disposes of it; a backend that cannot run here is a finding. */
async function look<T>(
  name: Parameters<typeof createExecutor>[0],
  at: (executor: Executor, why: string) => T | Promise<T>,
): Promise<Found<T>> {
  try {
    const { executor, why } = await createExecutor(name);
    try {
      return { available: true, ...await at(executor, why) };
    } finally {
      await executor.dispose();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      available: false,
      reason: error instanceof BackendUnavailableError ? reason : `it broke: ${reason}`,
    };
  }
}

/**
 * What WebGPU runs on. Deno does not tell, but each platform has one choice, except that Linux falls back to OpenGL;
 * that one cannot store to bgra8unorm textures.
 */
export function graphicsInterface(
  os: string,
  features: ReadonlySet<string>,
  pinned: string | undefined,
): string {
  if (pinned) return `${pinned} (pinned by DENO_WEBGPU_BACKEND)`;
  if (os === "darwin") return "Metal";
  if (!features.has("bgra8unorm-storage")) return "OpenGL (inferred)";
  return os === "windows" ? "Direct3D 12 or Vulkan (inferred)" : "Vulkan (inferred)";
}

/** Drivers that compute on the CPU, by what they call their device. */
const SOFTWARE_DRIVERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/swiftshader/i, "SwiftShader"],
  [/llvmpipe|lavapipe/i, "Mesa llvmpipe"],
  [/softpipe/i, "Mesa softpipe"],
  [/basic render/i, "Microsoft WARP"],
];

/** Makers of GPUs, as PCI and Khronos number them; Deno gives the number in decimal digits. */
const VENDORS: ReadonlyMap<number, string> = new Map([
  [0x1002, "AMD"],
  [0x106b, "Apple"],
  [0x10de, "NVIDIA"],
  [0x13b5, "Arm"],
  [0x1414, "Microsoft"],
  [0x5143, "Qualcomm"],
  [0x8086, "Intel"],
  [0x1ae0, "Google"],
  [0x10005, "Mesa"],
]);

/** The driver behind an adapter, as far as the adapter tells. */
export function driverName(
  { vendor, description }: { readonly vendor: string; readonly description: string },
): string {
  const software = SOFTWARE_DRIVERS.find(([pattern]) => pattern.test(description));
  return software?.[1] ?? VENDORS.get(Number(vendor)) ?? (vendor || "unknown");
}

async function lookAtGpu(executor: Executor): Promise<GpuReport> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const { vendor, architecture, description } = adapter!.info;
  for (const [rows, outputs, inputs] of SHAPES) {
    const program = trace((graph) => {
      const [x, w] = [graph.input("x", [rows, inputs]), graph.input("w", [outputs, inputs])];
      graph.output("y", ops.matmul(x, w, { transposeB: true }));
    });
    (await executor.compile(program, {})).dispose();
  }
  const { details } = executor.info;
  const driverFiles = Deno.env.get("VK_DRIVER_FILES");
  return {
    vendor,
    architecture,
    description,
    driver: driverName({ vendor, description }),
    ...(driverFiles && { driverFiles }),
    software: details["software"] === true,
    interface: graphicsInterface(
      Deno.build.os,
      new Set(adapter!.features),
      Deno.env.get("DENO_WEBGPU_BACKEND"),
    ),
    features: [...adapter!.features].sort(),
    limits: limitsOf(adapter!.limits),
    syncMilliseconds: await measureSync(executor),
    variants: variantsOf(executor.info),
  };
}

function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  // The names are on the prototype.
  const names = Object.keys(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(limits)))
    .filter((name) => /^(max|min)/.test(name)).sort();
  return Object.fromEntries(names.map((name) => [name, limits[name as keyof GPUSupportedLimits] as number]));
}

function variantsOf({ details }: BackendInfo): Record<string, string> {
  const prefix = "variant ";
  return Object.fromEntries(
    Object.entries(details).filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), String(value)]),
  );
}

async function measureSync(executor: Executor): Promise<number> {
  const tensor = executor.tensor({ shape: [1], label: "sync" });
  await tensor.read();
  const times: number[] = [];
  for (let i = 0; i < READS; i++) {
    const began = performance.now();
    await tensor.read();
    times.push(performance.now() - began);
  }
  tensor.dispose();
  return times.sort((a, b) => a - b)[Math.floor(READS / 2)]!;
}

function lookAtOnnx({ info: { details } }: Executor): OnnxReport {
  return { version: String(details["onnxruntime"]), threads: Number(details["threads"]) };
}

async function examine(): Promise<Report> {
  return {
    versions: { "ham-bench": project.version, ...Deno.version },
    target: Deno.build.target,
    cores: navigator.hardwareConcurrency,
    webgpu: await look("webgpu", lookAtGpu),
    onnx: { node: await look("onnx-node", lookAtOnnx), web: await look("onnx-web", lookAtOnnx) },
    auto: await look("auto", ({ info }, why) => ({ backend: info.backend, why })),
  };
}

function describeGpu(gpu: Report["webgpu"]): string[] {
  if (!gpu.available) return [`WebGPU: not here. ${gpu.reason}.`];
  const { vendor, architecture, description, driver, driverFiles, software, features, limits, variants } =
    gpu;
  const isSlow = /OpenGL|^gl\b/.test(gpu.interface);
  return [
    `WebGPU: ${description} (vendor ${vendor}${architecture && `, ${architecture}`}), ` +
    (software ? "computes on the CPU; used only with --backend webgpu" : "a hardware adapter"),
    `  driver: ${driver}${driverFiles ? `, one of VK_DRIVER_FILES=${driverFiles}` : ""}`,
    `  interface: ${gpu.interface}` + (isSlow ? "; far slower than Vulkan, install a Vulkan driver" : ""),
    `  one wait for the device: ${gpu.syncMilliseconds.toFixed(1)} ms`,
    `  features: ${features.join(", ")}`,
    `  limits: ${LIMITS.map((name) => `${name} ${limits[name]}`).join(", ")}`,
    "  kernel variants (family, operands, batches x rows x columns x depth):",
    ...Object.entries(variants).map(([question, answer]) => `    ${question}: ${answer}`),
  ];
}

function describeOnnx(name: string, found: Found<OnnxReport>): string {
  if (!found.available) return `${name}: not here. ${found.reason}.`;
  return `${name}: version ${found.version}, at most ${found.threads} ${
    found.threads === 1 ? "thread" : "threads"
  }`;
}

function describe({ versions, target, cores, webgpu, onnx, auto }: Report): string[] {
  return [
    Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", "),
    `${target}, ${cores} ${cores === 1 ? "core" : "cores"}`,
    ...describeGpu(webgpu),
    describeOnnx("ONNX Runtime, native (onnx-node)", onnx.node),
    describeOnnx("ONNX Runtime, WebAssembly (onnx-web)", onnx.web),
    auto.available
      ? `--backend auto picks ${auto.backend} (${auto.why})`
      : `--backend auto finds nothing: ${auto.reason}; --backend reference runs everywhere, slowly`,
  ];
}

async function run(_: readonly string[], { json }: Options, output: Output): Promise<number> {
  const report = await examine();
  output.out(json ? `${JSON.stringify(report, undefined, 2)}\n` : `${describe(report).join("\n")}\n`);
  return 0;
}

/** The command. */
export const doctor: CommandSpec<Options> = {
  name: "doctor",
  description: "Shows what this machine offers and what --backend auto would pick.",
  configure: (command: Command) => void command.option("--json", "machine-readable"),
  run,
};

if (import.meta.main) await runMain(doctor);
