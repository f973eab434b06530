/// <reference lib="dom" />
/** @jsx h */
/**
 * Methods under different classifiers: sections that differ in nothing but the head.
 *
 * @module
 */
import { h } from "preact";
import type { Board, BoardSection } from "../../../src/protocol/mod.ts";
import { type Field, gridChart } from "../charts/grids.ts";
import { estimateOf, formatBare, formatValue, metricNamed } from "../charts/metrics.ts";
import { entriesOf, roleOf } from "../model.ts";
import { Chart, Part, Scroll } from "./chart.tsx";
import { useShared } from "./context.ts";

function headOf({ fixed: { settings } }: BoardSection): string {
  return String((settings as unknown as Record<string, unknown>)["head"]);
}

/** Sections that have all but the head in common with one. */
function siblings({ sections }: Board, section: BoardSection): BoardSection[] {
  const key = ({ fixed: { settings, ...rest } }: BoardSection) =>
    JSON.stringify({ ...rest, settings: { ...settings, head: null } });
  return sections.filter((other) => key(other) === key(section));
}

/** The heat map; nothing where there is one head. */
export function HeadsPart() {
  const { board, state, ink, choose } = useShared();
  const { section, tasks } = state;
  const family = siblings(board, section);
  const heads = [...new Set(family.map(headOf))];
  if (heads.length < 2) return null;
  const metric = metricNamed(state.metric)!;
  const fields = family.flatMap((sibling): Field[] => {
    const entryOf = entriesOf(sibling);
    return sibling.methods.filter((method) => roleOf(board, sibling, method) !== "reference").flatMap(
      ({ label }) => {
        const entry = entryOf(label, tasks);
        const estimate = entry && estimateOf(entry, metric.name);
        return estimate ? [{ row: label, column: headOf(sibling), value: estimate.mean }] : [];
      },
    );
  });
  const counts = Map.groupBy(fields, ({ row }) => row);
  const best = (row: string) => Math.max(...counts.get(row)!.map(({ value }) => value));
  const rows = [...counts.keys()].filter((row) => counts.get(row)!.length > 1).sort((a, b) =>
    best(b) - best(a)
  ).slice(0, 40);
  const kept = fields.filter(({ row }) => rows.includes(row));
  if (rows.length === 0) return null;
  const value = (row: string, head: string) =>
    kept.find((field) => field.row === row && field.column === head)?.value;
  const idOf = (head: string) => family.find((sibling) => headOf(sibling) === head)!.id;
  const open = (head: string) =>
    choose({ s: idOf(head), show: undefined, off: undefined, run: undefined, own: undefined });
  return (
    <Part
      id="heads"
      title="Merge and head"
      lead={`${metric.long} at T = ${tasks}, under classifiers that differ in nothing else. Follow a head to its section.`}
    >
      <Chart
        inputs={[section, tasks, metric]}
        draw={(width) =>
          gridChart(kept, {
            ink,
            width,
            rows,
            columns: heads,
            rowAxis: null,
            columnAxis: "Head",
            text: (field) => formatBare(field.value, metric.unit),
            title: ({ row, column, value: number }) =>
              `${row}, ${column}\n${formatValue(number, metric.unit)}`,
            description: `${metric.long} of ${rows.length} methods under the heads ${
              heads.join(", ")
            }. The table below has the values.`,
            isFramed: ({ column }) => column === headOf(section),
          })}
        onPick={(field) => open((field as Field).column)}
        table={
          <Scroll label="Table of merge and head" tall>
            <table>
              <caption>{metric.long} at T = {tasks}</caption>
              <thead>
                <tr>
                  <th scope="col">Method</th>
                  {heads.map((head) => (
                    <th key={head} scope="col" class="right">
                      <button type="button" class="plain-button" onClick={() => open(head)}>{head}</button>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row}>
                    <th scope="row">
                      <bdi>{row}</bdi>
                    </th>
                    {heads.map((head) => {
                      const number = value(row, head);
                      return (
                        <td key={head} class="right">
                          {number === undefined ? "–" : formatBare(number, metric.unit)}
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        }
      />
    </Part>
  );
}
