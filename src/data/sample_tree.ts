/**
 * Containers whose samples are an image and a label, seen as trees of images: reading is then the same as of folders. The
 * labels are known when all of the tree was walked.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import type { FileTree } from "./files/tree.ts";
import type { TreeFile } from "./files/tree_file.ts";
import { splitLabelled } from "./images/folder.ts";
import type { ImageLayout, ImagePlan, LabelledPath } from "./images/image_set.ts";
import { roleOf, type SplitRole } from "./images/split_names.ts";

/** An image with its label. Its path is `<part>/<place>.<format>`. */
export interface Sample {
  readonly path: string;
  readonly label: string;
  readonly role: SplitRole | undefined;
}

/** A tree of samples, and what was learned in walking it. */
export interface SampleTree {
  readonly tree: FileTree;
  readonly samples: ReadonlyMap<string, Sample>;
  /** Names of the classes, where labels are their numbers. */
  classNames(): readonly string[] | undefined;
}

/** The part that a file belongs to, by its name or else the folders above it. */
export function roleOfFile(path: string): SplitRole | undefined {
  const parts = path.split("/");
  const stem = parts.at(-1)!.replace(/\..*$/, "");
  return [stem, ...parts.slice(0, -1).reverse()].map((name) => roleOf(name)?.role).find((role) =>
    role !== undefined
  );
}

/** Wraps a walk that yields samples with their files. */
export function sampleTree(
  tree: FileTree,
  walk: () => AsyncGenerator<readonly [Sample, TreeFile]>,
  classNames: () => readonly string[] | undefined,
): SampleTree {
  const samples = new Map<string, Sample>();
  return {
    samples,
    classNames,
    tree: {
      source: tree.source,
      hash: () => tree.hash(),
      async *walk() {
        for await (const [sample, file] of walk()) {
          samples.set(sample.path, sample);
          yield file;
        }
      },
    },
  };
}

/** Plans samples by their labels and parts. */
export function sampleLayout({ tree, samples, classNames }: SampleTree, seed: number): ImageLayout {
  return { root: "tree", plan: () => planSamples(tree.source, [...samples.values()], classNames(), seed) };
}

function planSamples(
  source: string,
  samples: readonly Sample[],
  known: readonly string[] | undefined,
  seed: number,
): ImagePlan {
  if (samples.length === 0) throw new InputError(`Cannot read ${source}: found no images with labels`);
  const labels = [...new Set(samples.map(({ label }) => label))];
  const areNumbers = labels.every((label) => /^\d{1,9}$/.test(label));
  labels.sort(areNumbers ? (a, b) => Number(a) - Number(b) : undefined);
  const stranger = known && labels.find((label) => !areNumbers || known[Number(label)] === undefined);
  if (stranger !== undefined) {
    throw new InputError(`Cannot read ${source}: found label ${stranger}, wanted 0 to ${known!.length - 1}`);
  }
  const classes = known ?? labels;
  const numbers = new Map(labels.map((label, place) => [label, known ? Number(label) : place]));
  const of = (role: SplitRole | undefined): LabelledPath[] =>
    samples.filter((sample) => sample.role === role)
      .map(({ path, label }) => ({ path, label: numbers.get(label)! }));
  const train = of("train"), test = of("test"), validation = of("validation"), rest = of(undefined);
  const held = test.length > 0 ? test : validation;
  const notices: string[] = [];
  if (train.length > 0 && held.length > 0) {
    if (held === test && validation.length > 0) {
      notices.push(`${validation.length} validation images are left out; the test images are the test split`);
    }
    if (held === validation) notices.push("the validation images are the test split");
    if (rest.length > 0) notices.push(`${rest.length} images of no known part are left out`);
    return { classNames: classes, train, test: held, notices };
  }
  notices.push("found no training and test parts; the images are split 80 to 20 by a seed");
  return { ...splitLabelled([...train, ...held, ...rest], classes, seed), notices };
}
