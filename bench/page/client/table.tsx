/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * The main table: methods at one number of tasks.
 *
 * @module
 */
import { h } from "preact";
import { useState } from "preact/hooks";
import type { BoardEntry, BoardMethod } from "../../../src/protocol/mod.ts";
import {
  estimateOf,
  familyMetrics,
  formatBare,
  formatPoints,
  formatSpread,
  isCost,
  metricNamed,
  metrics,
} from "../charts/metrics.ts";
import { roleOf } from "../model.ts";
import { Part, Scroll } from "./chart.tsx";
import { type Shared, useShared } from "./context.ts";
import { classNames, passes } from "./filters.tsx";
import { duelInquiry, entryInquiry, NumberButton } from "./number.tsx";
import { joined, occurs } from "./state.ts";

/** Rows before somebody asks for all. */
const FIRST = 20;

function valueOf(shared: Shared, column: string, { label }: BoardMethod): number | string {
  const { entryOf, duel, state: { tasks, own } } = shared;
  const entry = entryOf(label, tasks);
  if (column === "method") return label;
  if (column === "n") return entry?.runs.length ?? 0;
  if (column === "lead") return own === undefined ? NaN : duel(own, label, tasks)?.difference.mean ?? NaN;
  const metric = metricNamed(column);
  return (metric && entry && estimateOf(entry, metric.name)?.mean) ?? NaN;
}

/** Rows in the order that is chosen; those without a value come last in either. */
function sorted(shared: Shared, methods: readonly BoardMethod[]): BoardMethod[] {
  const { column, descending } = shared.state.sort;
  const sign = descending ? -1 : 1;
  return methods.toSorted((a, b) => {
    const [left, right] = [valueOf(shared, column, a), valueOf(shared, column, b)];
    if (typeof left === "string" || typeof right === "string") {
      return sign * (left < right ? -1 : left > right ? 1 : 0);
    }
    return Number(Number.isNaN(left)) - Number(Number.isNaN(right)) || sign * (left - right) || 0;
  });
}

function Heading({ column, text, hint, right }: {
  readonly column: string;
  readonly text: string;
  readonly hint?: string;
  readonly right?: boolean;
}) {
  const { state: { sort }, choose } = useShared();
  const isChosen = sort.column === column;
  const order = !isChosen ? "none" : sort.descending ? "descending" : "ascending";
  const next = isChosen ? !sort.descending : column !== "method" && metricNamed(column)?.better !== "less";
  return (
    <th scope="col" class={right ? "right" : undefined} aria-sort={order}>
      <button
        type="button"
        class="sort"
        title={hint}
        onClick={() => choose({ sort: `${next ? "-" : ""}${column}` })}
      >
        {text}
        <span aria-hidden="true" class="arrow">{isChosen ? (sort.descending ? "▼" : "▲") : ""}</span>
      </button>
    </th>
  );
}

/** What stands beside a name. */
function Remarks({ entry }: { readonly entry: BoardEntry | undefined }) {
  const parts = [
    entry && entry.failed.length > 0 ? `${entry.failed.length} failed` : "",
    entry && entry.missing.length > 0 ? `${entry.missing.length} missing` : "",
  ].filter(Boolean);
  return parts.length > 0 ? <span class="remark">{parts.join(", ")}</span> : null;
}

function Row({ method }: { readonly method: BoardMethod }) {
  const shared = useShared();
  const { board, state, entryOf, duel, allLooks, choose } = shared;
  const { section, tasks, columns, shown, hidden, own } = state;
  const { label } = method;
  const entry = entryOf(label, tasks);
  const role = roleOf(board, section, method);
  const found = own === undefined || label === own ? undefined : duel(own, label, tasks);
  const toggle = (isOn: boolean) => {
    const next = isOn ? [...shown, label] : shown.filter((other) => other !== label);
    choose({ show: joined(next), off: joined(hidden.filter((other) => other !== label)) || undefined });
  };
  return (
    <tr class={role}>
      <th scope="row">
        <label class="check">
          <input
            type="checkbox"
            aria-label={`Show ${label} in the plots`}
            checked={allLooks.has(label)}
            onChange={(event) => toggle(event.currentTarget.checked)}
          />
          <bdi>{label}</bdi>
        </label>
        {method.class === "plain" ? null : <span class="kind-narrow">{classNames[method.class]}</span>}
      </th>
      <td class="kind">{classNames[method.class]}</td>
      {columns.map((name) => {
        const metric = metricNamed(name)!;
        const estimate = entry && estimateOf(entry, name);
        if (!estimate || !entry) return <td key={name} class="right none">–</td>;
        const [value, spread] = [formatBare(estimate.mean, metric.unit), formatSpread(estimate, metric.unit)];
        return (
          <td key={name} class="right">
            <NumberButton
              label={`${metric.short} of ${label}`}
              inquiry={entryInquiry(entry, metric)}
            >
              {value}
              {isCost(metric) || spread === "" ? null : <span class="spread">{spread}</span>}
            </NumberButton>
          </td>
        );
      })}
      {own === undefined ? null : (
        <td class="right">
          {found
            ? (
              <NumberButton
                label={`${own} minus ${label}: ${
                  formatPoints(found.difference.mean)
                } points, ${found.verdict}`}
                inquiry={duelInquiry(own, label, tasks, found, section)}
              >
                {formatPoints(found.difference.mean)}
                <span class="spread">{found.verdict}</span>
              </NumberButton>
            )
            : "–"}
        </td>
      )}
      <td class="right">
        {entry
          ? (
            <NumberButton
              label={`Records of ${label}`}
              inquiry={entryInquiry(entry, metricNamed(section.accuracy)!)}
            >
              {entry.runs.length}
            </NumberButton>
          )
          : 0}
        <Remarks entry={entry} />
      </td>
    </tr>
  );
}

function Columns() {
  const { state: { section, columns }, choose } = useShared();
  return (
    <details class="columns">
      <summary>Columns</summary>
      <fieldset>
        <legend class="unseen">Columns of the table</legend>
        {metrics.filter(({ name }) => occurs(section, name)).map(({ name, long }) => (
          <label key={name} class="check">
            <input
              type="checkbox"
              checked={columns.includes(name)}
              onChange={(event) => {
                const isOn = event.currentTarget.checked;
                choose({
                  cols: metrics.map((metric) =>
                    metric.name
                  ).filter((other) =>
                    other === name ? isOn : columns.includes(other)
                  ).join(","),
                });
              }}
            />
            {long}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

/** The table. */
export function TablePart() {
  const shared = useShared();
  const { section, tasks, columns, own } = shared.state;
  const [isWhole, setWhole] = useState(false);
  const passing = sorted(shared, section.methods.filter((method) => passes(shared.state, method)));
  const isOwn = (method: BoardMethod) => roleOf(shared.board, section, method) === "protagonist";
  // The protagonist stands there wherever it ranks.
  const rows = isWhole || passing.length <= FIRST + 3
    ? passing
    : passing.filter((method, i) => i < FIRST || isOwn(method));
  return (
    <Part
      id="table"
      title={`Methods at T = ${tasks}`}
      lead="Means over seeds with 95 % intervals, or ± one standard deviation where seeds are too few for one. Percent and points of test images."
    >
      <Columns />
      <Scroll label="Table of methods" tall>
        <table class="main">
          <thead>
            <tr>
              <Heading column="method" text="Method" />
              <th scope="col">Class</th>
              {columns.map((name) => {
                const metric = metricNamed(name)!;
                return <Heading key={name} column={name} text={metric.short} hint={metric.long} right />;
              })}
              {own === undefined ? null : <Heading column="lead" text={`${own} minus it`} right />}
              <Heading column="n" text="n" hint="Finished runs" right />
            </tr>
          </thead>
          <tbody>{rows.map((method) => <Row key={method.label} method={method} />)}</tbody>
        </table>
      </Scroll>
      <p class="hint" aria-live="polite">
        {rows.length} of {section.methods.length} methods. {rows.length < passing.length
          ? (
            <button
              type="button"
              class="plain-button"
              onClick={() => setWhole(true)}
            >
              Show all {passing.length}
            </button>
          )
          : null}
      </p>
      {columns.some((name) => name !== "groups" && familyMetrics.includes(name))
        ? (
          <p class="hint">
            Families found: 1 if a method's groups are the families that tasks were drawn from, 0 if no nearer
            to them than by chance. Family transfer, related and interference are in points of accuracy told
            the task: what the first task of a family is worth to later ones, and what learning a task gives
            to an earlier one of its family and takes from one of another.
          </p>
        )
        : null}
    </Part>
  );
}
