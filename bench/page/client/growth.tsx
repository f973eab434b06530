/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Plots against the number of tasks: any metric, the gap that is closed, the protagonist's lead.
 *
 * @module
 */
import { Fragment, h } from "preact";
import {
  formatBare,
  formatDifference,
  formatP,
  formatPoints,
  formatSpread,
  formatTick,
  type Metric,
  metricNamed,
  metrics,
} from "../charts/metrics.ts";
import { type Mark, seriesChart } from "../charts/series.ts";
import { growthSeries, leadSeries, roleOf } from "../model.ts";
import { Chart, Choice, Part } from "./chart.tsx";
import { type Shared, useShared } from "./context.ts";
import { duelInquiry, entryInquiry, SeriesTable } from "./number.tsx";
import { occurs } from "./state.ts";

function unitOf({ unit, long }: Metric): string {
  return unit === "percent"
    ? `${long}, %`
    : unit === "points" || unit === "change"
    ? `${long}, points`
    : long;
}

/** A metric against the number of tasks. */
function MetricChart({ metric }: { readonly metric: Metric }) {
  const shared = useShared();
  const { state: { section }, looks, ink, entryOf, ask } = shared;
  const series = growthSeries(section, looks, metric.name);
  if (series.length === 0) return <p class="empty">No method that is shown has a value.</p>;
  const inquire = (label: string, tasks: number) => entryInquiry(entryOf(label, tasks)!, metric);
  const write = ({ estimate }: Pick<Mark, "estimate">) =>
    `${formatBare(estimate.mean, metric.unit)} ${formatSpread(estimate, metric.unit)}`.trim();
  return (
    <Chart
      inputs={[section, looks, metric]}
      draw={(width) =>
        seriesChart(series, {
          ink,
          width,
          axis: unitOf(metric),
          description: `${metric.long} against the number of tasks, of ${
            series.map(({ label }) => label).join(", ")
          }. The table below has the values.`,
          tick: (value) => formatTick(value, metric.unit),
          title: (mark) => `${mark.label}\nT = ${mark.tasks}: ${write(mark)}\nn = ${mark.estimate.n}`,
        })}
      onPick={(mark) => ask(inquire((mark as Mark).label, (mark as Mark).tasks))}
      table={
        <SeriesTable
          series={series}
          caption={`${unitOf(metric)}, by number of tasks`}
          write={write}
          inquire={inquire}
        />
      }
    />
  );
}

/** Growth curves of a metric that is chosen. */
export function GrowthPart() {
  const { state: { section, metric }, choose } = useShared();
  const chosen = metricNamed(metric)!;
  return (
    <Part
      id="growth"
      title={section.tasks.length > 1 ? "As the number of tasks grows" : "Methods side by side"}
      lead="Bars and bands are 95 % intervals over seeds; a mean without one has fewer than three."
    >
      <Choice
        label="Metric"
        value={metric}
        options={metrics.filter(({ name }) => occurs(section, name)).map(({ name, long }) => ({
          value: name,
          text: long,
        }))}
        onChoose={(value) => choose({ m: value })}
      />
      <MetricChart metric={chosen} />
    </Part>
  );
}

/** How much of what lies between floor and bound is closed. */
export function GapPart() {
  const { state: { section } } = useShared();
  if (!occurs(section, "gapClosed")) return null;
  return (
    <Part
      id="gap"
      title="How much of the gap is closed"
      lead={
        <>
          0 % is as accurate as <bdi>{section.floor}</bdi>, 100 % as <bdi>{section.bound}</bdi>, seed by seed.
        </>
      }
    >
      <MetricChart metric={metricNamed("gapClosed")!} />
    </Part>
  );
}

function Leads({ shared: { state: { section } } }: { readonly shared: Shared }) {
  const leads = section.leads.filter(({ difference }) => difference !== undefined);
  if (leads.length === 0) return null;
  return (
    <ul class="leads">
      {leads.map(({ tasks, method, rivals, difference, p }) => (
        <li key={`${tasks} ${method}`}>
          <bdi>{method}</bdi> minus its best rival at {tasks === "all" ? "all T" : `T = ${tasks}`}:{" "}
          <strong>{formatDifference(difference!)}</strong>
          {p === undefined ? "" : `, p ${formatP(p)}`}; the best on the other seeds is{" "}
          <bdi>{rivals.map((rival) => `${rival.method} (${rival.seeds})`).join(", ")}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** The protagonist minus each rival. */
export function LeadPart() {
  const shared = useShared();
  const { board, state: { section, own }, looks, ink, duel, ask, choose } = shared;
  if (own === undefined) return null;
  const variants = section.methods.filter((method) => roleOf(board, section, method) === "protagonist");
  const series = leadSeries(section, looks, own);
  const inquire = (label: string, tasks: number) =>
    duelInquiry(own, label, tasks, duel(own, label, tasks)!, section);
  return (
    <Part
      id="lead"
      title={`${own} minus each rival`}
      lead="Points of accuracy in the end, paired by seed, against methods of its class. Above zero it is ahead; an interval that holds zero alone decides nothing."
    >
      {variants.length > 1
        ? (
          <Choice
            label="Variant"
            value={own}
            options={variants.map(({ label }) => ({ value: label, text: label }))}
            onChoose={(value) => choose({ own: value })}
          />
        )
        : null}
      <Leads shared={shared} />
      {series.length === 0 ? <p class="empty">No rival of its class is shown.</p> : (
        <Chart
          inputs={[section, looks, own]}
          draw={(width) =>
            seriesChart(series, {
              ink,
              width,
              zero: true,
              axis: `${own} minus rival, points`,
              description: `${own} minus ${
                series.map(({ label }) => label).join(", ")
              }. The table below has the values.`,
              tick: (value) => formatPoints(value).replace(/\.0$/, ""),
              title: ({ label, tasks, estimate }) =>
                `${own} − ${label}\nT = ${tasks}: ${formatDifference(estimate)}\n${
                  duel(own, label, tasks)!.verdict
                }`,
            })}
          onPick={(mark) => ask(inquire((mark as Mark).label, (mark as Mark).tasks))}
          table={
            <SeriesTable
              series={series}
              caption={`${own} minus rival, points, by number of tasks`}
              write={({ estimate }) => formatDifference(estimate)}
              inquire={inquire}
            />
          }
        />
      )}
    </Part>
  );
}
