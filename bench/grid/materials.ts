/**
 * Data sets and backbones that records speak of, found by their fingerprints. What a record names is a stranger's text:
 * a path in it is opened only if the user says so, and what is generated from it has a bound.
 *
 * @module
 */
import { InputError, printable } from "../../src/core/mod.ts";
import {
  type Dataset,
  limitPerClass,
  mixedParts,
  parseProceduralSpec,
  type ProceduralOptions,
} from "../../src/data/mod.ts";
import type { Backbone } from "../../src/nn/mod.ts";
import type { KnownStreams, RunRecord } from "../../src/protocol/mod.ts";
import { openBackbone, shippedBackbones } from "../backbones.ts";
import type { Output } from "../cli.ts";
import { loadOptionsOf } from "../commands/backbone_flags.ts";
import { loadData } from "./load_data.ts";
import { backboneFacts } from "./suite.ts";

/** What is generated because a record says so. */
const MAX_GENERATED_BYTES = 2 ** 30;

/** Data sets that this program makes itself. */
const GENERATED = /^procedural(?::|$)/;

/** Where data and backbones are on this machine. */
export interface Places {
  /** Specifications of data sets, such as `cifar100:PATH`, to be tried beside the record's. */
  readonly data?: readonly string[];
  /** Paths of backbones, to be tried beside the record's. */
  readonly backbones?: readonly string[];
  /** The records are the user's own: the paths in them may be opened. */
  readonly ownPaths?: boolean;
  /** Takes notices of loading. */
  readonly output?: Output;
}

/** Data or a backbone are not here. */
export class MissingError extends InputError {
  /** Whether what the record names is here, and is something else. */
  readonly contradicts: boolean;

  /** An error that says what is missing. */
  constructor(message: string, contradicts: boolean) {
    super(message);
    this.contradicts = contradicts;
  }
}

/** What is loaded stays loaded: many records share it. */
export class Materials {
  /** Cut before. */
  readonly streams: KnownStreams = new Map();
  readonly #places: Places;
  readonly #datasets = new Map<string, Promise<Dataset>>();
  readonly #backbones = new Map<string, Promise<Backbone>>();

  constructor(places: Places) {
    this.#places = places;
  }

  /**
   * The data set of a record.
   *
   * @throws {MissingError} If none of those that may be opened has its fingerprint
   */
  async dataset({ start: { cell, source } }: RunRecord): Promise<Dataset> {
    const spec = source?.data?.spec;
    return await this.#find({
      what: `load the data set ${printable(cell.dataset.name)}`,
      given: this.#places.data ?? [],
      recorded: spec,
      comesAlong: spec !== undefined && isGenerated(spec),
      wanted: cell.dataset.fingerprint,
      open: (spec) => this.#load(spec, source?.data?.limitPerClass, cell.dataset),
      nameOf: ({ fingerprint }) => fingerprint,
    });
  }

  /**
   * The backbone of a record.
   *
   * @throws {MissingError} If none of those that may be opened has its hash
   */
  async backbone({ start: { cell, source } }: RunRecord): Promise<Backbone> {
    const recorded = source?.backbone;
    const facts = backboneFacts.safeParse(recorded?.facts ?? {});
    if (!facts.success) {
      throw new MissingError("Cannot open the backbone: found facts about it that no run writes", true);
    }
    const { card, ...plain } = facts.data;
    const options = { ...plain, ...(card !== undefined && this.#places.ownPaths && { card }) };
    return await this.#find({
      what: `open the backbone ${printable(cell.backbone.id)}`,
      given: this.#places.backbones ?? [],
      recorded: recorded?.path,
      comesAlong: shippedBackbones.includes(recorded?.path ?? ""),
      wanted: cell.backbone.hash,
      open: (path) =>
        once(
          this.#backbones,
          JSON.stringify([path, options]),
          () => openBackbone(path, loadOptionsOf(options)),
        ),
      nameOf: ({ hash }) => hash,
    });
  }

  /** The first that has the wanted hash, of those that the user gave and, where it may be opened, the record's. */
  async #find<T>({ what, given, recorded, comesAlong, wanted, open, nameOf }: Search<T>): Promise<T> {
    const reasons: string[] = [];
    let contradicts = false;
    const mayOpen = comesAlong || this.#places.ownPaths === true;
    if (recorded === undefined) reasons.push("the record does not name its source");
    else if (!mayOpen) reasons.push(`the record names ${printable(recorded)}, opened with --own-paths only`);
    for (const place of recorded !== undefined && mayOpen ? [...given, recorded] : given) {
      try {
        const found = await open(place);
        if (nameOf(found) === wanted) return found;
        reasons.push(`${printable(place)} has ${nameOf(found)}`);
        contradicts ||= place === recorded;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        reasons.push(error.message);
        contradicts ||= place === recorded && comesAlong;
      }
    }
    throw new MissingError(`Cannot ${what}: found that ${reasons.join("; ")}, wanted ${wanted}`, contradicts);
  }

  #load(
    spec: string,
    limits: Limits | undefined,
    wanted: RunRecord["start"]["cell"]["dataset"],
  ): Promise<Dataset> {
    if (isGenerated(spec)) checkAmount(spec, limits, wanted);
    return once(this.#datasets, JSON.stringify([spec, limits]), async () => {
      const whole = await loadData(spec, this.#places.output);
      return limits ? limitPerClass(whole, limits) : whole;
    });
  }
}

/** What is looked for, and where. */
interface Search<T> {
  readonly what: string;
  readonly given: readonly string[];
  readonly recorded: string | undefined;
  /** Whether what the record names is this program's own. */
  readonly comesAlong: boolean;
  readonly wanted: string;
  readonly open: (place: string) => Promise<T>;
  readonly nameOf: (found: T) => string;
}

interface Limits {
  readonly train: number;
  readonly test: number;
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const made = known.get(key) ?? make();
  known.set(key, made);
  return made;
}

/** Whether all of a data set is made by this program. */
function isGenerated(spec: string): boolean {
  return mixedParts(spec).specs.every((part) => GENERATED.test(part));
}

/** Refuses to generate what is too much, or cannot be the record's data set. */
function checkAmount(
  spec: string,
  limits: Limits | undefined,
  { classes, train, test }: RunRecord["start"]["cell"]["dataset"],
): void {
  const { specs, size: mixed } = mixedParts(spec);
  const parts = specs.map((part) => parseProceduralSpec(part.replace(GENERATED, "")));
  const side = Math.max(Number(mixed ?? 0), ...parts.map(({ size }) => size!));
  const sum = (of: (part: ProceduralOptions) => number) => parts.reduce((total, part) => total + of(part), 0);
  const bytes = 3 * side * side *
    sum(({ classes, trainPerClass, testPerClass }) => classes * (trainPerClass + testPerClass));
  // Not a number is too much as well.
  if (!(bytes <= MAX_GENERATED_BYTES)) {
    throw new InputError(`${printable(spec)} gives ${bytes} bytes, more than ${MAX_GENERATED_BYTES}`);
  }
  const kept = (split: "trainPerClass" | "testPerClass", limit: number = Infinity) =>
    sum((part) => part.classes * Math.min(part[split], limit));
  const [found, wanted] = [
    [sum(({ classes }) => classes), kept("trainPerClass", limits?.train), kept("testPerClass", limits?.test)],
    [classes, train, test],
  ].map(([classes, train, test]) => `${classes} classes, ${train} training and ${test} test images`);
  if (found !== wanted) throw new InputError(`${printable(spec)} gives ${found}, the record has ${wanted}`);
}
