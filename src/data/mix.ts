/**
 * Several data sets as one: their classes side by side in one label space, their images brought to one size and one
 * number of channels.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { createDataset, type Dataset, imageSize, type Split } from "./dataset.ts";
import { resample, taps } from "./resample.ts";

/** Largest split that is made, in bytes. */
const MAX_SPLIT_BYTES = 2 ** 31 - 1;

/**
 * Puts data sets side by side. Classes are called `<data set>/<class>`; they keep their families and say where they
 * come from. Gray images become RGB by repetition where others are RGB; other sizes are resampled as `Preprocessing`
 * does it (bilinear, no antialiasing), and rounded.
 *
 * @param size Height and width of the result; may be left out where all are of one size
 * @throws {InputError} If there are fewer than two, sizes differ and none is wanted, or a split becomes too large
 */
export function mixDatasets(parts: readonly Dataset[], size?: number): Dataset {
  const [first] = parts;
  if (!first || parts.length < 2) {
    throw new InputError(`Cannot mix data sets: found ${parts.length}, wanted at least two`);
  }
  const differing = parts.find(({ height, width }) => height !== first.height || width !== first.width);
  if (differing && size === undefined) {
    throw new InputError(
      `Cannot mix data sets: found ${first.name} of ${first.width}x${first.height} and ${differing.name} of ` +
        `${differing.width}x${differing.height}, wanted one size, or one to bring them to: a+b+size=32`,
    );
  }
  const height = size ?? first.height, width = size ?? first.width;
  const channels = parts.some((part) => part.channels === 3) ? 3 : 1;
  const shape = { channels, height, width } as const;
  const names = namesOf(parts);
  const named = (what: (part: Dataset) => readonly string[]) =>
    parts.flatMap((part, i) => what(part).map((name) => `${names[i]}/${name}`));
  const hasFamilies = parts.some(({ families }) => families !== undefined);
  return createDataset({
    name: names.join("+"),
    ...shape,
    classNames: named(({ classNames }) => classNames),
    // A data set that tells no families is one.
    ...(hasFamilies && {
      families: named(({ families, classNames, name }) => families ?? classNames.map(() => name)),
    }),
    origins: parts.flatMap(({ classNames }, i) => classNames.map(() => names[i]!)),
    train: joinSplits(parts, "train", shape),
    test: joinSplits(parts, "test", shape),
  });
}

/** Names of the data sets, told apart by a number where there are two of one name. */
function namesOf(parts: readonly Dataset[]): string[] {
  const seen = new Map<string, number>();
  return parts.map(({ name }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} ${count}`;
  });
}

type Shape = Pick<Dataset, "channels" | "height" | "width">;

function joinSplits(parts: readonly Dataset[], which: "train" | "test", shape: Shape): Split {
  const count = parts.reduce((sum, part) => sum + part[which].count, 0);
  const size = imageSize(shape);
  if (count * size > MAX_SPLIT_BYTES) {
    throw new InputError(
      `Cannot mix data sets: found a split of ${count * size} bytes, wanted at most ${MAX_SPLIT_BYTES}`,
    );
  }
  const images = new Uint8Array(count * size), labels = new Int32Array(count);
  let row = 0, firstClass = 0;
  for (const part of parts) {
    const split = part[which];
    fitInto(images.subarray(row * size, (row + split.count) * size), split, part, shape);
    split.labels.forEach((label, i) => labels[row + i] = firstClass + label);
    row += split.count;
    firstClass += part.classNames.length;
  }
  return { images, labels, count };
}

/** Writes a split's images in another shape. */
function fitInto(target: Uint8Array, split: Split, from: Shape, to: Shape): void {
  const isSameSize = from.height === to.height && from.width === to.width;
  if (isSameSize && from.channels === to.channels) return target.set(split.images);
  const plane = from.height * from.width, outPlane = to.height * to.width;
  const places = { rows: taps(from.height, to.height), columns: taps(from.width, to.width) };
  const source = new Float32Array(plane), resampled = new Float32Array(outPlane);
  for (let image = 0; image < split.count; image++) {
    for (let c = 0; c < to.channels; c++) {
      const start = (image * from.channels + Math.min(c, from.channels - 1)) * plane;
      const bytes = split.images.subarray(start, start + plane);
      const out = target.subarray(
        (image * to.channels + c) * outPlane,
        (image * to.channels + c + 1) * outPlane,
      );
      if (isSameSize) {
        out.set(bytes);
        continue;
      }
      source.set(bytes);
      resample(source, from.width, places, resampled);
      for (let p = 0; p < outPlane; p++) out[p] = Math.round(resampled[p]!);
    }
  }
}
