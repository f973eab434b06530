/**
 * Sizes, strides and broadcasting of dense row-major tensors.
 *
 * @module
 */

/** Sizes per axis, outermost first. A scalar has shape `[]`. */
export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Formats a shape for messages: `[64,17,128]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/**
 * Shape of an elementwise result under NumPy broadcasting.
 *
 * @throws {RangeError} If an axis differs and neither size is 1
 */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const sizeA = a[axis - rank + a.length] ?? 1;
    const sizeB = b[axis - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new RangeError(
        `Cannot broadcast ${formatShape(a)} with ${
          formatShape(b)
        }: sizes ${sizeA} and ${sizeB} must be equal or 1`,
      );
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** Strides for reading `shape` as if it had the shape `target`: 0 on broadcast axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const offset = target.length - shape.length;
  return target.map((_, axis) => axis < offset || shape[axis - offset] === 1 ? 0 : strides[axis - offset]!);
}

/**
 * Checks that every size is a positive integer.
 *
 * @throws {RangeError} If one is not
 */
export function checkShape(shape: Shape, what: string): void {
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 1) {
      throw new RangeError(
        `Cannot create ${what} of shape ${formatShape(shape)}: sizes must be positive integers`,
      );
    }
  }
}
