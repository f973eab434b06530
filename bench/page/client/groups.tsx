/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Which group each task joined and how similar it was to each, of methods that say so. What a method says is
 * untrusted: what has another shape is left out.
 *
 * @module
 */
import { Fragment, h } from "preact";
import type { RunDetail } from "../../../src/protocol/mod.ts";
import { type Field, gridChart } from "../charts/grids.ts";
import { Chart, Scroll } from "./chart.tsx";
import { useShared } from "./context.ts";

/** A task and the groups that there were. */
interface Joining {
  readonly task: number;
  /** From 1; absent if no group has the task. */
  readonly group: number | undefined;
  /** To each group, in order; shorter where groups were not asked. */
  readonly similarity: readonly number[];
  readonly threshold: number | undefined;
  readonly groups: number;
  /** What the task was drawn from; empty where classes came at random. */
  readonly family: string;
}

function joiningsOf({ facts, families }: RunDetail): Joining[] {
  return facts.flatMap((own, index): Joining[] => {
    if (typeof own !== "object" || own === null || Array.isArray(own)) return [];
    const { members, similarity, threshold } = own as Readonly<Record<string, unknown>>;
    if (!Array.isArray(members) || !members.every((group) => Array.isArray(group))) return [];
    const group = members.findIndex((group: unknown[]) => group.includes(index));
    const numbers = Array.isArray(similarity) ? similarity : [];
    return [{
      task: index + 1,
      group: group < 0 ? undefined : group + 1,
      similarity: numbers.map((value) => typeof value === "number" ? value : NaN),
      threshold: typeof threshold === "number" ? threshold : undefined,
      groups: members.length,
      family: families?.[index]?.join(", ") ?? "",
    }];
  });
}

function three(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : value.toFixed(3).replace("-", "−");
}

function two(value: number): string {
  return value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−").replace("0.", ".");
}

/** The timeline; nothing of methods without groups. */
export function GroupTimeline({ detail }: { readonly detail: RunDetail }) {
  const { ink } = useShared();
  const joinings = joiningsOf(detail);
  if (joinings.length === 0) return null;
  const groups = Math.min(60, Math.max(...joinings.map((one) => one.groups)));
  const fields = joinings.flatMap(({ task, group, similarity }) =>
    Array.from({ length: groups }, (_, i): Field & { readonly joined: boolean } => ({
      row: `${i + 1}`,
      column: `${task}`,
      value: similarity[i] ?? NaN,
      joined: group === i + 1,
    })).filter(({ value, joined }) => !Number.isNaN(value) || joined)
  ).map((field) => ({ ...field, value: Number.isNaN(field.value) ? 0 : field.value }));
  const isOfFamilies = joinings.some(({ family }) => family !== "");
  const isNew = ({ row, column }: Field) => founded(Number(column), Number(row));
  const rows = Array.from({ length: groups }, (_, i) => `${i + 1}`);
  const founded = (task: number, group: number) =>
    joinings.findIndex((one) => one.group === group) === joinings.findIndex((one) => one.task === task);
  return (
    <>
      <h3>Which group each task joined</h3>
      <p class="lead">
        Framed: the group that the task founded or joined. Colour: how similar the task was to each group that
        there was; blue is more, brown less than unrelated.
      </p>
      <Chart
        inputs={[detail]}
        draw={(width) =>
          gridChart(fields, {
            ink,
            width,
            rows,
            columns: joinings.map(({ task }) => `${task}`),
            rowAxis: "Group",
            columnAxis: "Task",
            diverging: true,
            text: (field) => isNew(field) ? "new" : two(field.value),
            title: (field) =>
              `task ${field.column}${
                isOfFamilies ? ` (${joinings[Number(field.column) - 1]?.family})` : ""
              }, group ${field.row}\n${isNew(field) ? "founded by it" : `similarity ${three(field.value)}`}`,
            description: `Groups that ${joinings.length} tasks joined. The table below has them.`,
            isFramed: (field) => (field as Field & { joined: boolean }).joined,
          })}
        table={
          <Scroll label="Groups by task" tall>
            <table>
              <caption>Groups by task</caption>
              <thead>
                <tr>
                  <th scope="col">Task</th>
                  {isOfFamilies ? <th scope="col">Family</th> : null}
                  <th scope="col">Group</th>
                  <th scope="col" class="right">Similarity to it</th>
                  <th scope="col" class="right">Threshold</th>
                  <th scope="col">Similarity to groups 1, 2, …</th>
                </tr>
              </thead>
              <tbody>
                {joinings.map(({ task, group, similarity, threshold, family }) => (
                  <tr key={task}>
                    <th scope="row">{task}</th>
                    {isOfFamilies
                      ? (
                        <td>
                          <bdi>{family}</bdi>
                        </td>
                      )
                      : null}
                    <td>
                      {group === undefined ? "none" : `${founded(task, group) ? "founds" : "joins"} ${group}`}
                    </td>
                    <td class="right">{group === undefined ? "–" : three(similarity[group - 1])}</td>
                    <td class="right">{three(threshold)}</td>
                    <td>{similarity.map(three).join(", ") || "–"}</td>
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
