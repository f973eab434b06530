/**
 * Acquires the GPU and keeps watch over it: limits as large as the adapter allows, software adapters recognised,
 * validation errors collected instead of lost, and a lost device reported as one clear error.
 *
 * @module
 */
import { BackendUnavailableError } from "../../core/errors.ts";

/** Names of drivers that compute on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|basic render|softpipe/i;

/** Limits that matter to kernels and tensors: those requested of the adapter, and described. */
export const deviceLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "minUniformBufferOffsetAlignment",
  "minStorageBufferOffsetAlignment",
] as const;
/** Name of such a limit. */
export type DeviceLimit = typeof deviceLimits[number];

const FEATURES = ["timestamp-query", "shader-f16"] as const;

/** Facts about an adapter and what was requested of it. */
export interface DeviceDescription {
  /** Of the adapter, such as `"nvidia"`; empty where the runtime does not tell. */
  readonly vendor: string;
  /** Of the adapter, such as `"ampere"`; empty where the runtime does not tell. */
  readonly architecture: string;
  /** The adapter in words; put together from vendor and architecture where it has none. */
  readonly description: string;
  /** Computes on the CPU: llvmpipe, SwiftShader and the like. */
  readonly software: boolean;
  /** Those of WebGPU's features that we use and that the device was given: `timestamp-query`, `shader-f16`. */
  readonly features: readonly string[];
  /** Limits that the device was given: the adapter's own, in WebGPU's units. */
  readonly limits: Readonly<Record<DeviceLimit, number>>;
}

/** The identity texts of an adapter. */
export type AdapterTexts = Readonly<
  Partial<Record<"vendor" | "architecture" | "device" | "description", string>>
>;

/** Whether an adapter's texts name a driver that computes on the CPU. */
export function isSoftware(info: AdapterTexts): boolean {
  return [info.vendor, info.architecture, info.device, info.description].some((text) =>
    SOFTWARE.test(text ?? "")
  );
}

/** A device with its facts and its failures. */
export class Gpu {
  /** WebGPU's device, for calls that are made under `guard`. */
  readonly device: GPUDevice;
  /** Facts about the adapter. */
  readonly description: DeviceDescription;
  #failure: Error | undefined;
  #lost: string | undefined;
  #destroyed = false;
  readonly #pending = new Set<Promise<void>>();

  /** Takes over a device, whose errors and loss are watched from here on. `acquireGpu` makes one. */
  constructor(device: GPUDevice, description: DeviceDescription) {
    this.device = device;
    this.description = description;
    device.lost.then(({ message, reason }) => this.#lost = message || reason);
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#fail("use the GPU", (event as GPUUncapturedErrorEvent).error);
    });
  }

  /** Whether GPU time can be measured on the device itself. */
  get hasTimestamps(): boolean {
    return this.description.features.includes("timestamp-query");
  }

  /**
   * Runs GPU calls, none of them awaited, inside error scopes. Whatever they report is thrown by a later `check`
   * or `settle`.
   *
   * @param action Completes the sentence "Cannot …"
   */
  guard<T>(action: string, calls: () => T): T {
    this.device.pushErrorScope("out-of-memory");
    this.device.pushErrorScope("validation");
    try {
      return calls();
    } finally {
      for (let i = 0; i < 2; i++) this.#watch(action, this.device.popErrorScope());
    }
  }

  /**
   * Throws what has gone wrong since the last check.
   *
   * @throws {Error} If the device is lost or destroyed, or a guarded call failed
   */
  check(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
    if (this.#destroyed) throw new Error("Cannot use the GPU: the device was disposed of");
    if (this.#lost !== undefined) throw new Error(`Cannot use the GPU: the device was lost (${this.#lost})`);
  }

  /** Waits for the verdict on all guarded calls so far, not for the device, and checks it. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.check();
  }

  /** Frees the device and everything on it. */
  dispose(): void {
    this.#destroyed = true;
    this.device.destroy();
  }

  #watch(action: string, scope: Promise<GPUError | null>): void {
    const verdict: Promise<void> = scope.then(
      (error) => error && this.#fail(action, error),
      // A lost device rejects its open scopes; `lost` says it better.
      () => {},
    ).then(() => void this.#pending.delete(verdict));
    this.#pending.add(verdict);
  }

  #fail(action: string, error: GPUError): void {
    this.#failure ??= new Error(`Cannot ${action}: ${error.message}`);
  }
}

/**
 * Requests an adapter and a device with the adapter's own limits.
 *
 * @param gpu The entry point of WebGPU; that of this runtime by default
 * @throws {BackendUnavailableError} If there is no adapter, or it gives no device
 */
export async function acquireGpu(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<Gpu> {
  if (!gpu) throw new BackendUnavailableError("Cannot use WebGPU: this runtime does not provide it");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new BackendUnavailableError(
      "Cannot use WebGPU: no adapter found (on Linux it needs a Vulkan driver, such as Debian's mesa-vulkan-drivers)",
    );
  }
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(
    deviceLimits.map((name) => [name, adapter.limits[name]]),
  ) as Record<
    DeviceLimit,
    number
  >;
  const { vendor, architecture, description } = adapter.info;
  const software = adapter.info.isFallbackAdapter || isSoftware(adapter.info);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ label: "ham-bench", requiredFeatures, requiredLimits });
  } catch (error) {
    throw new BackendUnavailableError(
      `Cannot use WebGPU: adapter "${description || vendor}" gives no device (${(error as Error).message})`,
    );
  }
  return new Gpu(device, {
    vendor,
    architecture,
    description: description || [vendor, architecture].filter((text) => text).join(" ") || "unnamed adapter",
    software,
    features: requiredFeatures,
    limits: requiredLimits,
  });
}
