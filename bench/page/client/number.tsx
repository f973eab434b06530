/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * A number that opens the records it is made of.
 *
 * @module
 */
import { type ComponentChildren, h } from "preact";
import type { BoardEntry } from "../../../src/protocol/mod.ts";
import {
  estimateOf,
  formatBare,
  formatDifference,
  formatP,
  formatSpread,
  type Metric,
} from "../charts/metrics.ts";
import type { Series } from "../charts/series.ts";
import type { Duel } from "../model.ts";
import { Scroll } from "./chart.tsx";
import { type Inquiry, useShared } from "./context.ts";

/** A button that looks like a number. */
export function NumberButton({ label, inquiry, children }: {
  /** What it is a number of, for those who do not see where it stands. */
  readonly label: string;
  readonly inquiry: Inquiry;
  readonly children: ComponentChildren;
}) {
  const { ask } = useShared();
  return (
    <button
      type="button"
      class="number"
      title="Show the records"
      onClick={() => ask(inquiry)}
    >
      <span class="unseen">{label}:</span> {children}
    </button>
  );
}

/** What is asked about an entry. */
export function entryInquiry(entry: BoardEntry, metric: Metric): Inquiry {
  const { method, tasks, failed, missing } = entry;
  const estimate = estimateOf(entry, metric.name);
  return {
    title: `${method}, T = ${tasks}`,
    metric: metric.name,
    cells: [{ method, tasks }],
    notes: [
      estimate
        ? `${metric.long}: ${formatBare(estimate.mean, metric.unit)} ${
          formatSpread(estimate, metric.unit)
        }, n = ${estimate.n}`
        : `${metric.long}: no value`,
      ...failed.length > 0 ? [`Failed: seed ${failed.join(", ")}`] : [],
      ...missing.length > 0 ? [`Missing: seed ${missing.join(", ")}`] : [],
    ],
  };
}

/** What a comparison says, in words. */
export function duelNotes(
  own: string,
  rival: string,
  { difference, verdict, superiority, comparison }: Duel,
): string[] {
  const { p, pHolm, leastP, equivalence } = comparison;
  return [
    `${own} − ${rival}: ${formatDifference(difference)}, in points of accuracy in the end`,
    `Verdict at 5 %, corrected over all pairs of the class: ${
      {
        ahead: `${own} is ahead`,
        behind: `${own} is behind`,
        equivalent: "equivalent",
        undecided: "undecided",
      }[verdict]
    }`,
    `Permutation test p ${formatP(p)}, after Holm p ${formatP(pHolm)}; so many pairs give ${
      formatP(leastP)
    } at least`,
    `${own} is ahead in ${(100 * superiority).toFixed(0)} % of pairs; equivalence within ${
      (100 * equivalence.margin).toFixed(1)
    } points: p ${formatP(equivalence.pHolm)} after Holm`,
  ];
}

/** What is asked about a pair. */
export function duelInquiry(
  own: string,
  rival: string,
  tasks: number | "all",
  duel: Duel,
  { tasks: all, accuracy }: { readonly tasks: readonly number[]; readonly accuracy: Inquiry["metric"] },
): Inquiry {
  return {
    title: `${own} and ${rival}, ${tasks === "all" ? "all T" : `T = ${tasks}`}`,
    metric: accuracy,
    notes: duelNotes(own, rival, duel),
    cells: (tasks === "all" ? all : [tasks]).flatMap((
      count,
    ) => [{ method: own, tasks: count }, { method: rival, tasks: count }]),
  };
}

/** Values of a plot of methods against the number of tasks. */
export function SeriesTable({ series, caption, write, inquire }: {
  readonly series: readonly Series[];
  readonly caption: string;
  write(point: Series["points"][number]): string;
  inquire(label: string, tasks: number): Inquiry;
}) {
  const { state: { section } } = useShared();
  const tasks = section.tasks.filter((count) =>
    series.some(({ points }) => points.some((point) => point.tasks === count))
  );
  return (
    <Scroll label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Method</th>
            {tasks.map((count) => <th key={count} scope="col" class="right">T = {count}</th>)}
          </tr>
        </thead>
        <tbody>
          {series.map(({ label, points }) => (
            <tr key={label}>
              <th scope="row">
                <bdi>{label}</bdi>
              </th>
              {tasks.map((count) => {
                const point = points.find((one) => one.tasks === count);
                return (
                  <td key={count} class="right">
                    {point
                      ? (
                        <NumberButton
                          label={`${label}, T = ${count}`}
                          inquiry={inquire(label, count)}
                        >
                          {write(point)}
                        </NumberButton>
                      )
                      : "–"}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
