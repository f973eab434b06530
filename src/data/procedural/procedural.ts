/**
 * A hierarchical image data set made from a seed, so that every experiment runs without a download: families of
 * figures and textures, and in each family any number of classes. The same generator gives thousands of further
 * classes for pretraining, none of which is a benchmark class.
 *
 * The images are the same on every machine: integer hashes, basic float arithmetic, and V8's own Math functions.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createRng, hash32 } from "../../core/rng.ts";
import { createDataset, type Dataset, type Split } from "../dataset.ts";
import { FAMILIES } from "./families.ts";
import { COMPOSED_FAMILIES } from "./families/composed.ts";
import {
  className,
  drawClasses,
  type Family,
  geneValues,
  type Part,
  type ProceduralClass,
} from "./family.ts";
import { renderImage } from "./render.ts";

/** What to make. */
export interface ProceduralOptions {
  /** Decides the classes and every image. */
  readonly seed: number;
  /** Number of classes. */
  readonly classes: number;
  /** Training images of each class. */
  readonly trainPerClass: number;
  /** Test images of each class. */
  readonly testPerClass: number;
  /** Height and width in pixels; 32 if absent. */
  readonly size?: number;
  /** `benchmark` if absent. */
  readonly part?: Part;
  /**
   * What classes are: of twelve kinds of figures and textures (`families`, the default), or a shape with a texture and
   * a colour (`composed`), 1,152 at most, whose family is the shape.
   */
  readonly scheme?: Scheme;
  /** How much images of a class differ, 0 (hardly) to 3; 1 if absent. */
  readonly difficulty?: number;
}

/** What procedural classes are. */
export type Scheme = "families" | "composed";

const SCHEMES: Readonly<Record<Scheme, readonly Family[]>> = {
  families: FAMILIES,
  composed: COMPOSED_FAMILIES,
};
/** Beyond it the contrast of an image may vanish. */
const MAX_DIFFICULTY = 3;

/** What `procedural` without settings means. */
export const PROCEDURAL_DEFAULTS = {
  seed: 1,
  classes: 200,
  trainPerClass: 60,
  testPerClass: 20,
  size: 32,
  part: "benchmark",
  scheme: "families",
  difficulty: 1,
} as const satisfies Required<ProceduralOptions>;

/** Largest split that is made, in bytes. */
const MAX_SPLIT_BYTES = 2 ** 31 - 1;

/**
 * Makes a data set. Families take turns (class c is of family c modulo their number), and so do the classes in
 * both splits, so a prefix is balanced. Asking for more classes or images leaves the others as they were.
 *
 * @throws {InputError} If a number is out of range
 */
export function proceduralDataset(options: ProceduralOptions): Dataset {
  const { seed, classes: count, trainPerClass, testPerClass, size, part, scheme, difficulty } = {
    ...PROCEDURAL_DEFAULTS,
    ...options,
  };
  if (!Number.isSafeInteger(seed)) {
    throw new InputError(`Cannot make images: found seed ${seed}, wanted an integer`);
  }
  for (const [what, value] of Object.entries({ trainPerClass, testPerClass, size })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new InputError(`Cannot make images: found ${what} ${value}, wanted a positive integer`);
    }
  }
  if (!(difficulty >= 0 && difficulty <= MAX_DIFFICULTY)) {
    throw new InputError(
      `Cannot make images: found difficulty ${difficulty}, wanted a number from 0 to ${MAX_DIFFICULTY}`,
    );
  }
  const bytes = count * Math.max(trainPerClass, testPerClass) * 3 * size * size;
  if (bytes > MAX_SPLIT_BYTES) {
    throw new InputError(
      `Cannot make images: found a split of ${bytes} bytes, wanted at most ${MAX_SPLIT_BYTES}`,
    );
  }
  const classes = drawClasses(
    SCHEMES[scheme],
    part,
    count,
    (family) => createRng(seed, `procedural/${part}/${family}`),
  );
  return createDataset({
    name: `procedural${scheme === "composed" ? "-composed" : ""}${part === "pretrain" ? "-pretrain" : ""}`,
    channels: 3,
    height: size,
    width: size,
    classNames: classes.map(className),
    families: classes.map(({ family }) => family.name),
    train: renderSplit(classes, { seed, split: "train", perClass: trainPerClass, size, difficulty }),
    test: renderSplit(classes, { seed, split: "test", perClass: testPerClass, size, difficulty }),
  });
}

/**
 * Reads settings as in `classes=100,trainPerClass=20,part=pretrain`; what is left out has its default.
 *
 * @throws {InputError} If a key is unknown or given twice, or a value is not of its kind
 */
export function parseProceduralSpec(settings: string): Required<ProceduralOptions> {
  const given = new Map<string, string>();
  for (const setting of settings.split(",").filter((text) => text !== "")) {
    const [key, value] = setting.split("=", 2) as [string, string | undefined];
    if (!Object.hasOwn(PROCEDURAL_DEFAULTS, key) || value === undefined || given.has(key)) {
      throw new InputError(
        `Cannot read the setting ${
          JSON.stringify(setting)
        }: wanted KEY=VALUE, each key once, with the keys ` +
          Object.keys(PROCEDURAL_DEFAULTS).join(", "),
      );
    }
    given.set(key, value);
  }
  const integer = (key: "seed" | "classes" | "trainPerClass" | "testPerClass" | "size"): number => {
    const text = given.get(key);
    if (text === undefined) return PROCEDURAL_DEFAULTS[key];
    if (/^-?\d{1,15}$/.test(text)) return Number(text);
    throw new InputError(`Cannot read the setting ${key}: found ${JSON.stringify(text)}, wanted an integer`);
  };
  const part = given.get("part") ?? PROCEDURAL_DEFAULTS.part;
  if (part !== "benchmark" && part !== "pretrain") {
    throw new InputError(
      `Cannot read the setting part: found ${JSON.stringify(part)}, wanted benchmark or pretrain`,
    );
  }
  const scheme = given.get("scheme") ?? PROCEDURAL_DEFAULTS.scheme;
  if (scheme !== "families" && scheme !== "composed") {
    throw new InputError(
      `Cannot read the setting scheme: found ${JSON.stringify(scheme)}, wanted families or composed`,
    );
  }
  const difficulty = given.get("difficulty") ?? `${PROCEDURAL_DEFAULTS.difficulty}`;
  if (!/^\d(\.\d{1,6})?$/.test(difficulty)) {
    throw new InputError(
      `Cannot read the setting difficulty: found ${JSON.stringify(difficulty)}, wanted a number from 0 to ` +
        MAX_DIFFICULTY,
    );
  }
  return {
    seed: integer("seed"),
    classes: integer("classes"),
    trainPerClass: integer("trainPerClass"),
    testPerClass: integer("testPerClass"),
    size: integer("size"),
    part,
    scheme,
    difficulty: Number(difficulty),
  };
}

interface SplitOptions {
  readonly seed: number;
  readonly split: "train" | "test";
  readonly perClass: number;
  readonly size: number;
  readonly difficulty: number;
}

function renderSplit(
  classes: readonly ProceduralClass[],
  { seed, split, perClass, size, difficulty }: SplitOptions,
): Split {
  const count = classes.length * perClass, imageBytes = 3 * size * size;
  const images = new Uint8Array(count * imageBytes);
  const labels = new Int32Array(count);
  classes.forEach((of, label) => {
    const rng = createRng(seed, `procedural/${className(of)}`);
    const hue = of.family.hue?.(geneValues(of)) ?? rng.uniform();
    const imageSeed = rng.stream(split).integer(2 ** 32);
    for (let i = 0; i < perClass; i++) {
      const index = i * classes.length + label;
      labels[index] = label;
      renderImage(images, index * imageBytes, size, of, { hue, seed: hash32(imageSeed, i), difficulty });
    }
  });
  return { images, labels, count };
}
