/**
 * Counting what a reader allocates: for as long as it runs, arrays and buffers are made through counters, so that a
 * declared size that was believed shows even if nothing comes of it.
 *
 * Test support, imported by tests only.
 *
 * @module
 */

const NAMES = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Array",
] as const;

/** Bytes of an element of a plain array. */
const POINTER_BYTES = 8;

/** Runs a step and gives the bytes of all arrays and buffers that were made by their length, whatever became of them. */
export async function allocated(
  step: () => unknown,
): Promise<{ readonly bytes: number; readonly error: unknown }> {
  const globals = globalThis as unknown as Record<string, object>;
  const originals = NAMES.map((name) => globals[name]!);
  let bytes = 0;
  NAMES.forEach((name, i) => {
    const original = originals[i] as
      & { readonly BYTES_PER_ELEMENT?: number }
      & (new (...args: unknown[]) => object);
    const size = name === "Array" ? POINTER_BYTES : original.BYTES_PER_ELEMENT ?? 1;
    const counter: object = new Proxy(original, {
      construct(target, given: unknown[], caller) {
        if (typeof given[0] === "number" && given.length === 1) bytes += given[0] * size;
        return Reflect.construct(target, given, caller === counter ? target : caller);
      },
    });
    globals[name] = counter;
  });
  let error: unknown;
  try {
    await step();
  } catch (caught) {
    error = caught;
  } finally {
    NAMES.forEach((name, i) => globals[name] = originals[i]!);
  }
  return { bytes, error };
}
