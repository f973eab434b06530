/// <reference lib="dom" />
/**
 * What all parts of the page share.
 *
 * @module
 */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Board, BoardEntry, RunDetail } from "../../../src/protocol/mod.ts";
import type { Ink } from "../charts/ink.ts";
import type { MetricName } from "../charts/metrics.ts";
import type { Duel, looksOf } from "../model.ts";
import type { LinkedRun } from "./load.ts";
import type { Choices, State } from "./state.ts";

/** Records that somebody wants to see: of methods at numbers of tasks. */
export interface Inquiry {
  readonly title: string;
  /** What is said above the records. */
  readonly notes: readonly string[];
  /** Whose value each record shows. */
  readonly metric: MetricName;
  readonly cells: readonly { readonly method: string; readonly tasks: number }[];
}

/** What all parts share. */
export interface Shared {
  readonly board: Board;
  readonly state: State;
  readonly ink: Ink;
  /** Chosen methods, the legend's choice aside. */
  readonly allLooks: ReturnType<typeof looksOf>;
  /** Chosen methods that the legend has not turned off. */
  readonly looks: ReturnType<typeof looksOf>;
  readonly omitted: number;
  readonly runs: ReadonlyMap<string, LinkedRun>;
  entryOf(method: string, tasks: number): BoardEntry | undefined;
  duel(own: string, rival: string, tasks: number | "all"): Duel | undefined;
  detailOf(name: string): Promise<RunDetail | undefined>;
  /** Changes choices; one without a value is as the page opens. */
  choose(changes: Readonly<Record<string, string | undefined>>): void;
  ask(inquiry: Inquiry): void;
}

/** Choices as they are written, for links. */
export type { Choices };

/** Given by the page to its parts. */
export const SharedContext = createContext<Shared | undefined>(undefined);

/** What the page gives its parts. */
export function useShared(): Shared {
  return useContext(SharedContext)!;
}

/** Colours that the style sheet gives, which differ between light and dark. */
export function pageInk(): Ink {
  return {
    document,
    series: Array.from({ length: 8 }, (_, i) => `var(--series-${i})`),
    muted: "var(--muted)",
    grid: "var(--grid)",
    paper: "var(--paper)",
    text: "var(--text)",
    heat: { low: "var(--heat-low)", high: "var(--heat-high)", below: "var(--heat-below)" },
  };
}
