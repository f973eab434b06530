/**
 * What happens to tensors between a file's layout and ours, besides renaming.
 *
 * @module
 */
import { formatShape } from "../../core/shape.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";

/** Changes a tensor on its way; must throw `RangeError` for a shape it cannot handle. */
export type Transform = (tensor: HostTensor) => HostTensor;

/** Gives a tensor leading axes of size 1, or takes them away, until it has `rank` axes. */
export function withRank(rank: number): Transform {
  return ({ shape, data }) => {
    const lead = shape.slice(0, Math.max(shape.length - rank, 0));
    if (lead.some((size) => size !== 1)) {
      throw new RangeError(`found shape ${formatShape(shape)}, wanted ${rank} axes after axes of size 1`);
    }
    const rest = shape.slice(lead.length);
    return { shape: [...Array<number>(rank - rest.length).fill(1), ...rest], data };
  };
}

/**
 * Order of the pixels of a patch that is embedded by a plain linear layer: all of one channel after another, as in
 * a convolution or `torch.nn.Unfold`, or the channels of one pixel together.
 */
export type PatchOrder = "channels-first" | "channels-last";

/** The patch size and channels of a flat patch; no number of pixels is both a square and three times a square. */
function patchOf(pixels: number): { readonly channels: number; readonly patch: number } | undefined {
  for (const channels of [1, 3]) {
    const patch = Math.sqrt(pixels / channels);
    if (Number.isInteger(patch) && patch > 0) return { channels, patch };
  }
  return undefined;
}

/** Makes the weight [width, pixels] of a linear patch embedding one of a convolution [width, channels, p, p]. */
export function asConvolution(order: PatchOrder): Transform {
  return (tensor) => {
    const { shape, data } = tensor;
    // Biases have the layout of a convolution's already.
    if (shape.length === 1) return tensor;
    const [width, pixels] = shape as [number, number];
    const found = shape.length === 2 ? patchOf(pixels) : undefined;
    if (!found) {
      throw new RangeError(`found shape ${formatShape(shape)}, wanted [width,pixels] of square patches`);
    }
    const { channels, patch } = found;
    const wanted = [width, channels, patch, patch];
    if (order === "channels-first") return { shape: wanted, data };
    const result = hostTensor(wanted);
    const area = patch * patch;
    for (let i = 0; i < data.length; i++) {
      const row = Math.floor(i / pixels) * pixels;
      const inside = i - row;
      result.data[row + (inside % channels) * area + Math.floor(inside / channels)] = data[i]!;
    }
    return result;
  };
}

/** The transpose of a matrix. */
export function transposed({ shape, data }: HostTensor): HostTensor {
  const [rows, columns] = shape as [number, number];
  if (shape.length !== 2) throw new RangeError(`found shape ${formatShape(shape)}, wanted a matrix`);
  const result = hostTensor([columns, rows]);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result.data[column * rows + row] = data[row * columns + column]!;
    }
  }
  return result;
}

/** A weight [out, ...] or bias [out] with each row multiplied by its factor: a scaled output costs nothing that way. */
export function scaleRows({ shape, data }: HostTensor, factors: HostTensor): HostTensor {
  const rows = factors.data.length;
  if (shape[0] !== rows) {
    throw new RangeError(`found ${rows} factors, wanted one for each row of ${formatShape(shape)}`);
  }
  const size = data.length / rows;
  return hostTensor(shape, data.map((value, i) => value * factors.data[Math.floor(i / size)]!));
}
