/**
 * Which part of a data set a folder or file is by its name. People write `train`, `Training`, `training_set`,
 * `seg_train`, `trainset`, `train2017`; classes may be called `bullet_train` or `test tube`, so a name that merely
 * contains the word is believed only where the folders' content agrees.
 *
 * @module
 */

/** A part of a data set. */
export type SplitRole = "train" | "test" | "validation";

/** What the name of a folder says, and whether the whole name says it. */
export interface NamedRole {
  readonly role: SplitRole;
  readonly isExact: boolean;
}

/** Whole names, in the order in which they are preferred. */
const EXACT: Readonly<Record<SplitRole, readonly string[]>> = {
  train: ["train", "training"],
  test: ["test", "testing"],
  validation: ["val", "valid", "validation"],
};

/** Words within a name. */
const WORDS: Readonly<Record<SplitRole, RegExp>> = {
  train: /^(train|training|trainset|trainingset|tr)$/,
  test: /^(tests?|testing|testset|testingset|eval|evaluation|ts)$/,
  validation: /^(val|valid|validation|valset|validationset|dev|devset)$/,
};

/** Folders that are no class, but where images are kept. */
const CONTAINER = /^(images?|imgs?|pics?|pictures?|photos?|data|dataset|jpe?gs?|pngs?|jpegimages)$/i;

/** The role that a name tells, if it tells one and no second. */
export function roleOf(name: string): NamedRole | undefined {
  const roles = Object.keys(EXACT) as SplitRole[];
  const lower = name.toLowerCase();
  const exact = roles.find((role) => EXACT[role].includes(lower));
  if (exact) return { role: exact, isExact: true };
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z]+/);
  const [first, second] = roles.filter((role) => words.some((word) => WORDS[role].test(word)));
  return first && !second ? { role: first, isExact: false } : undefined;
}

/** Where a name stands among the whole names of its role; those that only contain a word come last. */
export function rankOf(name: string): number {
  const lower = name.toLowerCase();
  const ranks = Object.values(EXACT).map((names) => names.indexOf(lower)).filter((rank) => rank >= 0);
  return ranks[0] ?? Infinity;
}

/** Whether a folder of that name is a place for images rather than a class. */
export function isContainerName(name: string): boolean {
  return CONTAINER.test(name);
}
