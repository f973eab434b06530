/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Every pair of the methods that are shown, and mean ranks.
 *
 * @module
 */
import { Fragment, h } from "preact";
import { type Rank, rankChart } from "../charts/curves.ts";
import { formatP, formatPoints } from "../charts/metrics.ts";
import type { Duel } from "../model.ts";
import { Chart, Part, Scroll } from "./chart.tsx";
import { useShared } from "./context.ts";
import { classNames } from "./filters.tsx";
import { duelInquiry, NumberButton } from "./number.tsx";

const signs: Readonly<Record<Duel["verdict"], string>> = {
  ahead: "▲",
  behind: "▼",
  equivalent: "=",
  undecided: "?",
};

function PairTable({ labels }: { readonly labels: readonly string[] }) {
  const { state: { section, tasks }, duel } = useShared();
  return (
    <Scroll label="Pairs of methods">
      <table class="pairs">
        <caption class="unseen">Row minus column, points</caption>
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th key={label} scope="col">
                <bdi>{label}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((row) => (
            <tr key={row}>
              <th scope="row">
                <bdi>{row}</bdi>
              </th>
              {labels.map((column) => {
                const found = row === column ? undefined : duel(row, column, tasks);
                if (!found) return <td key={column} class="none">{row === column ? "" : "–"}</td>;
                const { difference, verdict } = found;
                return (
                  <td key={column} class={`pair ${verdict}`}>
                    <NumberButton
                      label={`${row} minus ${column}, ${verdict}`}
                      inquiry={duelInquiry(row, column, tasks, found, section)}
                    >
                      <span aria-hidden="true" class="sign">{signs[verdict]}</span>{" "}
                      {formatPoints(difference.mean)}
                    </NumberButton>
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

/** Methods whose ranks are drawn: the chosen and the best of the others. */
function chosenRanks(ranks: readonly Rank[], looks: ReadonlyMap<string, unknown>): Rank[] {
  const most = 24;
  if (ranks.length <= most) return [...ranks];
  const kept = new Set([...ranks.filter(({ method }) => looks.has(method)), ...ranks].slice(0, most));
  return ranks.filter((rank) => kept.has(rank));
}

function Ranks({ kind }: { readonly kind: string }) {
  const { board, state: { section, tasks }, looks, ink, ask } = useShared();
  const having = section.rankings.filter((ranking) => ranking.class === kind);
  const ranking = having.find((one) => one.tasks === tasks) ?? having.find((one) => one.tasks === "all");
  if (!ranking) return null;
  const { ranks, criticalDifference, blocks, p, incomplete } = ranking;
  const own = new Set(
    section.methods.filter(({ method }) => method === board.protagonist).map(({ label }) => label),
  );
  const drawn = chosenRanks(ranks, looks);
  const at = ranking.tasks === "all" ? section.tasks : [ranking.tasks];
  const inquire = ({ method, rank }: Rank) => ({
    title: `${method}, rank`,
    metric: section.accuracy,
    notes: [
      `Mean rank ${rank.toFixed(2)} of ${ranks.length} methods over ${blocks} blocks of stream and seed`,
    ],
    cells: at.map((count) => ({ method, tasks: count })),
  });
  return (
    <>
      <h3>Mean ranks, {ranking.tasks === "all" ? "all T" : `T = ${ranking.tasks}`}</h3>
      <p class="lead">
        {ranks.length} methods over {blocks} blocks of stream and seed; Friedman p{" "}
        {formatP(p)}. Bars are as long as the critical difference, {criticalDifference.toFixed(1)}{" "}
        ranks: methods whose bars do not meet are told apart at 5 %.
        {drawn.length < ranks.length ? ` ${drawn.length} of them are drawn.` : ""}
        {incomplete.length > 0 ? ` Left out, since they lack a block: ${incomplete.join(", ")}.` : ""}
      </p>
      <Chart
        inputs={[ranking, looks]}
        draw={(width) =>
          rankChart(drawn, {
            ink,
            width,
            criticalDifference,
            protagonist: (method) => own.has(method),
            description: `Mean ranks: ${
              drawn.slice(0, 5).map(({ method, rank }) => `${method} ${rank.toFixed(1)}`).join(", ")
            } and so on. The table below has all.`,
            title: ({ method, rank }) => `${method}\nmean rank ${rank.toFixed(2)}`,
          })}
        onPick={(rank) => ask(inquire(rank as Rank))}
        table={
          <Scroll label="Mean ranks" tall>
            <table>
              <caption>Mean ranks</caption>
              <thead>
                <tr>
                  <th scope="col">Method</th>
                  <th scope="col" class="right">Mean rank</th>
                </tr>
              </thead>
              <tbody>
                {ranks.map((rank) => (
                  <tr key={rank.method}>
                    <th scope="row">
                      <bdi>{rank.method}</bdi>
                    </th>
                    <td class="right">
                      <NumberButton
                        label={`Mean rank of ${rank.method}`}
                        inquiry={inquire(rank)}
                      >
                        {rank.rank.toFixed(2)}
                      </NumberButton>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        }
      />
    </>
  );
}

/** Pairs and ranks of the protagonist's class, or of the first that has pairs. */
export function PairsPart() {
  const { state: { section, tasks, own }, looks } = useShared();
  const classOf = new Map(section.methods.map((method) => [method.label, method.class]));
  const kind = classOf.get(own ?? [...looks.keys()][0] ?? "");
  const labels = [...looks.keys()].filter((label) => classOf.get(label) === kind);
  if (kind === undefined || section.comparisons.length === 0) return null;
  return (
    <Part
      id="pairs"
      title="Who beats whom"
      lead={`Methods that are shown and of one class: ${
        classNames[kind]
      }. Row minus column at T = ${tasks}, in points: ▲ ahead, ▼ behind, = equivalent, ? undecided, at 5 % after Holm's correction. Open a field for its interval and p values.`}
    >
      {labels.length > 1
        ? <PairTable labels={labels} />
        : <p class="empty">Fewer than two methods of the class are shown.</p>}
      <Ranks kind={kind} />
    </Part>
  );
}
