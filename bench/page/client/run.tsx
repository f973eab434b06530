/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * One run: what it knew of every task after every task, which group each task joined, and which families groups have.
 *
 * @module
 */
import { Fragment, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../src/protocol/mod.ts";
import { forgettingChart, type TaskScore } from "../charts/curves.ts";
import { type Field, gridChart } from "../charts/grids.ts";
import { formatBare, formatTick } from "../charts/metrics.ts";
import { Chart, Choice, Scroll } from "./chart.tsx";
import { useShared } from "./context.ts";
import { FamilyGrid } from "./families.tsx";
import { GroupTimeline } from "./groups.tsx";
import type { LinkedRun } from "./load.ts";
import { RecordFile } from "./record_file.tsx";

function scoresOf({ hits, images }: RunDetail): TaskScore[] {
  return hits.flatMap((row, stage) =>
    (row ?? []).map((right, task) => ({
      task: task + 1,
      after: stage + 1,
      accuracy: images[task] ? right / images[task]! : 0,
    }))
  );
}

function Matrix({ scores, name }: { readonly scores: readonly TaskScore[]; readonly name: string }) {
  const { ink } = useShared();
  const numbers = (key: "task" | "after") =>
    [...new Set(scores.map((score) => score[key]))].sort((a, b) => a - b).map(String);
  const fields = scores.map(({ task, after, accuracy }): Field => ({
    row: `${after}`,
    column: `${task}`,
    value: accuracy,
  }));
  const [rows, columns] = [numbers("after"), numbers("task")];
  const at = new Map(fields.map((field) => [`${field.row} ${field.column}`, field.value]));
  const tableOf = (label: string) => (
    <Scroll label={label} tall>
      <table>
        <caption>Accuracy in percent: a row per stage, a column per task</caption>
        <thead>
          <tr>
            <th scope="col">After</th>
            {columns.map((column) => <th key={column} scope="col" class="right">task {column}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row}>
              <th scope="row">task {row}</th>
              {columns.map((column) => {
                const value = at.get(`${row} ${column}`);
                return (
                  <td key={column} class="right">
                    {value === undefined ? "" : formatBare(value, "percent")}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
  return (
    <>
      <h3>What it knows of each task after each task</h3>
      <Chart
        inputs={[name]}
        draw={(width) =>
          gridChart(fields, {
            ink,
            width,
            rows,
            columns,
            rowAxis: "After task",
            columnAxis: "Accuracy on task, %",
            domain: [0, Math.max(0.01, ...fields.map(({ value }) => value))],
            text: ({ value }) => (100 * value).toFixed(0),
            title: ({ row, column, value }) =>
              `task ${column} after task ${row}\n${formatBare(value, "percent")} %`,
            description:
              `Accuracy of ${columns.length} tasks after each of ${rows.length} stages. The table below has the values.`,
          })}
        table={tableOf("Table of the matrix")}
      />
      <h3>How each task is forgotten</h3>
      <Chart
        inputs={[name]}
        draw={(width) =>
          forgettingChart(scores, {
            ink,
            width,
            axis: "Accuracy of a task, %",
            description:
              `Accuracy of each of ${columns.length} tasks as later ones are learnt, from its own training, which is ringed. The table has the values.`,
            tick: (value) => formatTick(value, "percent"),
            title: ({ task, after, accuracy }) =>
              `task ${task} after task ${after}\n${formatBare(accuracy, "percent")} %`,
          })}
        table={tableOf("Table of the curves")}
      />
    </>
  );
}

/** What is asked for, and what came. */
interface Found {
  readonly name: string;
  readonly detail: RunDetail | undefined;
}

/** The run that is chosen, or one of the protagonist's. */
export function RunPart() {
  const { state, runs, detailOf, choose } = useShared();
  const { section, tasks, own } = state;
  const [found, setFound] = useState<Found>();
  const all = section.runs as readonly LinkedRun[];
  const run = runs.get(state.run) ??
    all.find((one) => one.method === own && one.tasks === tasks && one.status === "done") ??
    all.find((one) => one.tasks === tasks) ?? all[0];
  useEffect(() => {
    let isCurrent = true;
    if (run) detailOf(run.name).then((detail) => isCurrent && setFound({ name: run.name, detail }));
    return () => {
      isCurrent = false;
    };
  }, [run?.name]);
  if (!run) return null;
  const of = (method: string, count: number) =>
    all.filter((one) => one.method === method && one.tasks === count);
  const pick = (method: string, count: number) =>
    (of(method, count)[0] ?? all.find((one) => one.method === method))?.name;
  const detail = found?.name === run.name ? found.detail : undefined;
  const scores = detail ? scoresOf(detail) : [];
  return (
    <section class="part" aria-labelledby="run">
      <h2 id="run" tabIndex={-1}>One run</h2>
      <div class="choices">
        <Choice
          label="Method"
          value={run.method}
          options={[...new Set(all.map(({ method }) => method))].map((value) => ({ value, text: value }))}
          onChoose={(method) => choose({ run: pick(method, run.tasks) })}
        />
        <Choice
          label="T"
          value={`${run.tasks}`}
          options={[...new Set(all.filter(({ method }) => method === run.method).map((one) => one.tasks))]
            .map((count) => ({ value: `${count}`, text: `${count}` }))}
          onChoose={(count) => choose({ run: pick(run.method, Number(count)) })}
        />
        <Choice
          label="Seed"
          value={run.name}
          options={of(run.method, run.tasks).map(({ name, seed, status }) => ({
            value: name,
            text: status === "done" ? seed : `${seed} (${status === "open" ? "unfinished" : status})`,
          }))}
          onChoose={(name) => choose({ run: name })}
        />
      </div>
      <p class="file">
        <RecordFile run={run} />
      </p>
      {found?.name !== run.name
        ? <p class="empty">Reading the run…</p>
        : scores.length === 0 || !detail
        ? <p class="empty">This page has no matrix of this run; its record may.</p>
        : (
          <>
            <Matrix scores={scores} name={run.name} />
            <GroupTimeline detail={detail} />
            <FamilyGrid detail={detail} agreement={run.figures.familyAgreement} />
          </>
        )}
    </section>
  );
}
