/**
 * Moves values between host and device: conversion to the 4-byte elements of the device (bytes lie four to an
 * element, the first in the lowest 8 bits), and reads of any
 * number of buffers through one staging buffer and one wait (in Deno a wait costs at least 10 ms).
 *
 * @module
 */
import type { DType } from "../../graph/ops.ts";
import type { DeviceArray, HostArray } from "../host_values.ts";
import type { Gpu } from "./device.ts";
import { wordsFor } from "./words.ts";

/** Values as the device stores them; the same array if it is of that kind already. */
export function toDeviceArray(
  values: HostArray,
  dtype: DType,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  if (dtype === "u8") return toWholeWords(values);
  if (dtype === "f32") return isPlain(values, Float32Array) ? values : Float32Array.from(values);
  return isPlain(values, Int32Array) ? values : Int32Array.from(values);
}

/** Bytes followed by zeros up to a multiple of 4, as uploads want. */
function toWholeWords(values: HostArray): Uint8Array<ArrayBuffer> {
  if (values.length % 4 === 0 && isPlain(values, Uint8Array)) return values;
  const whole = new Uint8Array(4 * wordsFor(values.length, "u8"));
  whole.set(values);
  return whole;
}

/** Shared memory cannot be uploaded, so such arrays are copied like those of another type. */
function isPlain<T extends DeviceArray>(
  values: HostArray,
  type: new () => T,
): values is Extract<T, Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>> {
  return values instanceof type && values.buffer instanceof ArrayBuffer;
}

/** A range of a buffer to be read. */
export interface ReadRequest {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly offset: number;
  /** Elements. */
  readonly size: number;
  readonly dtype: DType;
}

/** Staging buffers, reused between reads. */
export class Readback {
  readonly #gpu: Gpu;
  #idle: GPUBuffer[] = [];

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Records the copies of a read. The returned function waits and gives the values in order; it must be called once,
   * after the encoder's commands are submitted.
   */
  encode(
    encoder: GPUCommandEncoder,
    requests: readonly ReadRequest[],
  ): () => Promise<DeviceArray[]> {
    const total = requests.reduce((sum, { size, dtype }) => sum + 4 * wordsFor(size, dtype), 0);
    const staging = this.#acquire(total);
    let target = 0;
    for (const { buffer, offset, size, dtype } of requests) {
      const bytes = 4 * wordsFor(size, dtype);
      encoder.copyBufferToBuffer(buffer, offset, staging, target, bytes);
      target += bytes;
    }
    return async () => {
      try {
        await staging.mapAsync(GPUMapMode.READ, 0, total);
      } catch (error) {
        this.#gpu.check();
        throw error;
      }
      const mapped = staging.getMappedRange(0, total);
      let start = 0;
      const values = requests.map(({ size, dtype }) => {
        const bytes = mapped.slice(start, start += 4 * wordsFor(size, dtype));
        if (dtype === "u8") return new Uint8Array(bytes, 0, size);
        return dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes);
      });
      staging.unmap();
      this.#idle.push(staging);
      return values;
    };
  }

  /** Reads buffers now; waits for everything submitted before. */
  async read(requests: readonly ReadRequest[]): Promise<DeviceArray[]> {
    this.#gpu.check();
    const finish = this.#gpu.guard("read from the GPU", () => {
      const encoder = this.#gpu.device.createCommandEncoder({ label: "read" });
      const copied = this.encode(encoder, requests);
      this.#gpu.device.queue.submit([encoder.finish()]);
      return copied;
    });
    await this.#gpu.settle();
    return await finish();
  }

  dispose(): void {
    for (const buffer of this.#idle) buffer.destroy();
    this.#idle = [];
  }

  /** The smallest idle buffer that is large enough, or a new one in place of those that are too small. */
  #acquire(bytes: number): GPUBuffer {
    const fits = this.#idle.filter(({ size }) => size >= bytes).sort((a, b) => a.size - b.size)[0];
    if (fits) {
      this.#idle.splice(this.#idle.indexOf(fits), 1);
      return fits;
    }
    this.dispose();
    return this.#gpu.device.createBuffer({
      label: "staging",
      size: Math.max(256, bytes),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }
}
