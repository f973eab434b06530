/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Groups that a method made of tasks against the families that the tasks were drawn from. What a method says is
 * untrusted: what is no group of tasks is left out.
 *
 * @module
 */
import { Fragment, h } from "preact";
import type { RunDetail } from "../../../src/protocol/mod.ts";
import { type Field, gridChart } from "../charts/grids.ts";
import { formatValue } from "../charts/metrics.ts";
import { Chart, Scroll } from "./chart.tsx";
import { useShared } from "./context.ts";

/** Groups that are drawn at most; the table has all. */
const MOST = 60;

/** Tasks of each group in the end, from 0. */
function groupsOf({ facts, images }: RunDetail): number[][] {
  const last = facts.at(-1);
  if (typeof last !== "object" || last === null || Array.isArray(last)) return [];
  const { members } = last as Readonly<Record<string, unknown>>;
  if (!Array.isArray(members) || !members.every((group) => Array.isArray(group))) return [];
  return members.map((group: unknown[]) =>
    group.filter((task): task is number => Number.isInteger(task) && (task as number) in images)
  );
}

/** How many tasks of each family each group has; nothing without groups or families. */
export function FamilyGrid({ detail, agreement }: {
  readonly detail: RunDetail;
  /** Adjusted Rand index, where there is one. */
  readonly agreement: number | undefined;
}) {
  const { ink } = useShared();
  const groups = groupsOf(detail);
  if (groups.length === 0 || !detail.families) return null;
  const names = detail.families.map((own) => own.join(", "));
  const families = [...new Set(names)];
  const count = (group: readonly number[], family: string) =>
    group.filter((task) => names[task] === family).length;
  const fields = groups.slice(0, MOST).flatMap((group, i) =>
    families.map((family): Field => ({ row: `${i + 1}`, column: family, value: count(group, family) }))
  ).filter(({ value }) => value > 0);
  return (
    <>
      <h3>Groups and families</h3>
      <p class="lead">
        How many tasks of each family each group has. {agreement === undefined
          ? ""
          : `The adjusted Rand index is ${
            formatValue(agreement, "index")
          }: 1 if the groups are the families, 0 if they are no nearer to them than by chance.`}
      </p>
      <Chart
        inputs={[detail]}
        draw={(width) =>
          gridChart(fields, {
            ink,
            width,
            rows: groups.slice(0, MOST).map((_, i) => `${i + 1}`),
            columns: families,
            rowAxis: "Group",
            columnAxis: "Family",
            domain: [0, Math.max(...fields.map(({ value }) => value))],
            text: ({ value }) => `${value}`,
            title: ({ row, column, value }) =>
              `group ${row}\n${value} ${value === 1 ? "task" : "tasks"} of ${column}`,
            description:
              `Tasks of ${families.length} families in ${groups.length} groups. The table below has them.`,
          })}
        table={
          <Scroll label="Groups and families" tall>
            <table>
              <caption>Tasks by group and family</caption>
              <thead>
                <tr>
                  <th scope="col">Group</th>
                  {families.map((family) => (
                    <th key={family} scope="col" class="right">
                      <bdi>{family}</bdi>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {groups.map((group, i) => (
                  <tr key={i}>
                    <th scope="row">{i + 1}</th>
                    {families.map((family) => <td key={family} class="right">{count(group, family) || ""}
                    </td>)}
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
