/**
 * What a look at a data set shows: counts, and oddities that bias a benchmark. Images are compared byte for byte.
 *
 * @module
 */
import { sha256 } from "../core/json.ts";
import { type Dataset, imageSize, type Split } from "./dataset.ts";

/** Something to know about before trusting a score. */
export interface Oddity {
  /** What it is, in a few words. */
  readonly what: string;
  /** How many images or classes it concerns. */
  readonly count: number;
  /** The first few of them. */
  readonly examples: readonly string[];
}

/** Number of images of a split, and the fewest and most of a class. */
export interface SplitCounts {
  /** Of all classes. */
  readonly images: number;
  /** Images of the smallest class. */
  readonly fewest: number;
  /** Images of the largest class. */
  readonly most: number;
}

/** The result of a check. */
export interface DatasetReport {
  /** Of the training split. */
  readonly train: SplitCounts;
  /** Of the test split. */
  readonly test: SplitCounts;
  /** What was found; empty for a clean data set. */
  readonly oddities: readonly Oddity[];
}

const MAX_EXAMPLES = 5;

/** Where an image is. */
interface Place {
  readonly split: "train" | "test";
  readonly index: number;
  readonly label: number;
}

/** Counts images and looks for oddities. */
export function checkDataset(dataset: Dataset): DatasetReport {
  const train = countsOf(dataset, dataset.train), test = countsOf(dataset, dataset.test);
  const nameOf = (label: number) => dataset.classNames[label]!;
  const groups = [...groupEqual(dataset).values()].filter((places) => places.length > 1);
  const across = groups.flatMap((places) => {
    const first = places.find(({ split }) => split === "train");
    return first
      ? places.filter(({ split }) => split === "test").map((place) => [place, first] as const)
      : [];
  });
  const within = (split: Place["split"], sameLabel: boolean) =>
    groups.flatMap((places) => {
      const [first, ...others] = places.filter((place) => place.split === split);
      return others.filter(({ label }) => (label === first!.label) === sameLabel)
        .map((place) => [place, first!] as const);
    });
  const show = ([a, b]: readonly [Place, Place]) => `${describe(a, nameOf)} = ${describe(b, nameOf)}`;
  const oddities = [
    oddity("test images equal to a training image", across, show),
    oddity("of them under another label", across.filter(([a, b]) => a.label !== b.label), show),
    oddity("training images equal to another of another label", within("train", false), show),
    oddity("training images equal to another of the same label", within("train", true), show),
    oddity("test images equal to another of another label", within("test", false), show),
    oddity("test images equal to another of the same label", within("test", true), show),
    oddity("images of one value throughout", constantImages(dataset), (place) => describe(place, nameOf)),
    oddity("classes without training images", emptyClasses(train.perClass), nameOf),
    oddity("classes without test images", emptyClasses(test.perClass), nameOf),
    oddity("class names used more than once", repeated(dataset.classNames), (name) => name),
  ];
  const { perClass: _, ...trainCounts } = train;
  const { perClass: __, ...testCounts } = test;
  return { train: trainCounts, test: testCounts, oddities: oddities.filter(({ count }) => count > 0) };
}

function countsOf(dataset: Dataset, split: Split): SplitCounts & { readonly perClass: Int32Array } {
  const perClass = new Int32Array(dataset.classNames.length);
  for (const label of split.labels) perClass[label]!++;
  const sorted = perClass.toSorted();
  return { images: split.count, fewest: sorted[0]!, most: sorted.at(-1)!, perClass };
}

/** All images in order, training first. */
function* placesOf(dataset: Dataset): Generator<readonly [Place, Uint8Array]> {
  const size = imageSize(dataset);
  for (const split of ["train", "test"] as const) {
    const { images, labels, count } = dataset[split];
    for (let index = 0; index < count; index++) {
      yield [{ split, index, label: labels[index]! }, images.subarray(index * size, (index + 1) * size)];
    }
  }
}

function groupEqual(dataset: Dataset): Map<string, Place[]> {
  const groups = new Map<string, Place[]>();
  for (const [place, image] of placesOf(dataset)) {
    const key = sha256(image);
    const group = groups.get(key);
    if (group) group.push(place);
    else groups.set(key, [place]);
  }
  return groups;
}

function constantImages(dataset: Dataset): Place[] {
  const found: Place[] = [];
  for (const [place, image] of placesOf(dataset)) {
    if (image.every((value) => value === image[0])) found.push(place);
  }
  return found;
}

function emptyClasses(perClass: Int32Array): number[] {
  return [...perClass.keys()].filter((label) => perClass[label] === 0);
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}

function oddity<T>(what: string, found: readonly T[], show: (item: T) => string): Oddity {
  return { what, count: found.length, examples: found.slice(0, MAX_EXAMPLES).map(show) };
}

function describe({ split, index, label }: Place, nameOf: (label: number) => string): string {
  return `${split} ${index} (${nameOf(label)})`;
}
