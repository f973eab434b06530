/**
 * What a leaderboard says, as plain JSON: every table, page and gate is made from this and from nothing else. Each
 * number names the records it comes from.
 *
 * @module
 */
import type { Json, JsonObject } from "../../core/json.ts";
import type { Overlap } from "../overlap.ts";
import type { Cell } from "../records/record.ts";
import type { FigureName } from "./figures.ts";

/** Mean over seeds with a 95 % bootstrap interval, which takes three values. */
export interface Estimate {
  /** Arithmetic mean. */
  readonly mean: number;
  /** Sample standard deviation; absent for one value. */
  readonly deviation?: number;
  /** Number of values. */
  readonly n: number;
  /** 95 % bootstrap interval of the mean; absent below three values, and of three no more than their range. */
  readonly interval?: readonly [low: number, high: number];
}

/** What sets a method apart: only methods of one class are rivals, and a bound is nobody's. */
export type MethodClass = "plain" | "buffer" | "test data" | "bound";

/** A method of a section, or a variant of one. */
export interface BoardMethod {
  /** Unique in its section: the name, with the options that tell variants apart, such as `ham(keep=0.5)`. */
  readonly label: string;
  /** Name in the registry. */
  readonly method: string;
  /** Resolved. */
  readonly options: JsonObject;
  /** Who it competes with. */
  readonly class: MethodClass;
  /** Family of its card; absent of methods that this program does not know. */
  readonly family?: string;
}

/** One run: a record. */
export interface BoardRun {
  /** Name of its cell, unique on the board. */
  readonly name: string;
  /** Where the record was found. */
  readonly path: string;
  /** The record's hash; absent while it is unfinished. */
  readonly hash?: string;
  /** Label of its method. */
  readonly method: string;
  /** Number of tasks. */
  readonly tasks: number;
  /** As people name it. */
  readonly seed: string;
  /** How it ended. */
  readonly status: "done" | "failed" | "open";
  /** Why it failed. */
  readonly failure?: string;
  /** Figures of this run; those that it has not are absent. */
  readonly figures: Readonly<Partial<Record<FigureName, number>>>;
}

/** Method × number of tasks. */
export interface BoardEntry {
  /** Label of its method. */
  readonly method: string;
  /** Number of tasks. */
  readonly tasks: number;
  /** By name of figure; those that no run has are absent. */
  readonly figures: Readonly<Partial<Record<FigureName, Estimate>>>;
  /** (accuracy − floor) / (bound − floor), paired by seed; absent without floor or bound. */
  readonly gapClosed?: Estimate;
  /** Names of the finished runs that it is made of. */
  readonly runs: readonly string[];
  /** Seeds of runs that diverged. */
  readonly failed: readonly string[];
  /** Seeds that the section has at this number of tasks and this method has not finished. */
  readonly missing: readonly string[];
}

/** Two methods of one class, paired by stream and seed, by accuracy in the end. */
export interface Comparison {
  /** Label. */
  readonly a: string;
  /** Label. */
  readonly b: string;
  /** Number of tasks, or all of them, paired by number of tasks and seed. */
  readonly tasks: number | "all";
  /** a − b. */
  readonly difference: Estimate;
  /** Two-sided permutation test (signs of the differences), exact where few pairs allow. */
  readonly p: number;
  /** After Holm's correction over all pairs of the class at this number of tasks. */
  readonly pHolm: number;
  /** The smallest p that so many pairs can give: above 0.05, no difference however large is significant. */
  readonly leastP: number;
  /** Share of pairs in which a is ahead; ties count half. */
  readonly superiority: number;
  /** Two one-sided t tests against a margin; `pHolm` as above. */
  readonly equivalence: { readonly margin: number; readonly p: number; readonly pHolm: number };
  /** At 5 %, after correction. */
  readonly verdict: "a" | "b" | "equivalent" | "undecided";
}

/**
 * Friedman's ranks with Nemenyi's critical difference, of two methods of a class or more that share two blocks or more:
 * as many methods and blocks as possible.
 */
export interface Ranking {
  /** Number of tasks, or all of them. */
  readonly tasks: number | "all";
  /** Whose. */
  readonly class: MethodClass;
  /** Number of blocks: stream × seed. */
  readonly blocks: number;
  /** Ascending by rank; 1 is best. */
  readonly ranks: readonly { readonly method: string; readonly rank: number }[];
  /** Ranks nearer than this are not told apart at 5 %. */
  readonly criticalDifference: number;
  /** Of Friedman's test. */
  readonly p: number;
  /** Labels of methods left out, since they lack a block. */
  readonly incomplete: readonly string[];
}

/**
 * The protagonist against the best of its rivals, where the best is chosen on other seeds than the difference is
 * taken on: for each seed, the rival with the highest mean over the other seeds.
 */
export interface Lead {
  /** Number of tasks, or all of them. */
  readonly tasks: number | "all";
  /** Label of a variant of the protagonist. */
  readonly method: string;
  /** Who was chosen, and for how many seeds. */
  readonly rivals: readonly { readonly method: string; readonly seeds: number }[];
  /** Protagonist − chosen rival; absent of one seed, which leaves none to choose on. */
  readonly difference?: Estimate;
  /** Of the permutation test. */
  readonly p?: number;
}

/** Records that may be compared: equal data, stream settings, backbone, backend and protocol settings. */
export interface BoardSection {
  /** Short hash of what the section holds fixed. */
  readonly id: string;
  /** One of its cells, without what differs between them. */
  readonly fixed: Omit<Cell, "method" | "options" | "tasks" | "orderSeed" | "trainSeed" | "streamHash">;
  /** One line for people. */
  readonly description: string;
  /** What of the data the backbone was trained on, as the records say; absent if none says so. */
  readonly overlap?: readonly Overlap[];
  /** What the section's data decide and what they do not, in a few sentences. */
  readonly verdict: readonly string[];
  /** Numbers of tasks that occur, ascending. */
  readonly tasks: readonly number[];
  /** Which accuracy is compared: `pooled`, or `taskMean` for records of the first edition. */
  readonly accuracy: "pooled" | "taskMean";
  /** Labels of what `gapClosed` is measured between, where they have records. */
  readonly floor?: string;
  /** See `floor`. */
  readonly bound?: string;
  /** In order of their first record. */
  readonly methods: readonly BoardMethod[];
  /** Every method at every number of tasks, whether it has records or not. */
  readonly entries: readonly BoardEntry[];
  /** All pairs of each class. */
  readonly comparisons: readonly Comparison[];
  /** By class and number of tasks. */
  readonly rankings: readonly Ranking[];
  /** Of each variant of the protagonist, by number of tasks. */
  readonly leads: readonly Lead[];
  /** Every record of the section. */
  readonly runs: readonly BoardRun[];
}

/** A leaderboard. */
export interface Board {
  /** Of this format: the first had neither `overlap` nor what streams with structure tell. */
  readonly edition: 2;
  /** Name of the method that is compared with the best of its rivals. */
  readonly protagonist: string;
  /** Margin of equivalence, as a share of accuracy. */
  readonly margin: number;
  /** In order of their first record. */
  readonly sections: readonly BoardSection[];
  /** Files that were not used, and why; records of one cell that differ among them. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/**
 * What a page shows of single runs beside the board: the matrix of right answers, what tasks were drawn from, and what the
 * method said.
 */
export interface RunDetail {
  /** Name of its cell. */
  readonly name: string;
  /** Test images of each task. */
  readonly images: readonly number[];
  /** Right answers, class-incremental, per task seen; `null` where the run was not scored. */
  readonly hits: readonly (readonly number[] | null)[];
  /** What each task was drawn from; absent where classes came at random. */
  readonly families?: readonly (readonly string[])[];
  /** What the method said after each task. */
  readonly facts: readonly Json[];
}
