/// <reference lib="dom" />
/** @jsx h */
/**
 * Accuracy against what it costs.
 *
 * @module
 */
import { h } from "preact";
import { costChart, type CostPoint, paretoFront } from "../charts/costs.ts";
import {
  estimateOf,
  formatBare,
  formatTick,
  formatValue,
  type MetricName,
  metricNamed,
} from "../charts/metrics.ts";
import { roleOf } from "../model.ts";
import { Chart, Choice, Part, Scroll } from "./chart.tsx";
import { type Inquiry, useShared } from "./context.ts";
import { passes } from "./filters.tsx";
import { entryInquiry, NumberButton } from "./number.tsx";
import { occurs } from "./state.ts";

const costs: readonly MetricName[] = [
  "keptBytes",
  "seconds",
  "flopPerTestImage",
  "flopPerTrainingImage",
  "deployedBytes",
  "trainedNumbers",
];

/** The plot, whose cost is chosen. */
export function CostPart() {
  const { board, state, looks, ink, entryOf, ask, choose } = useShared();
  const { section, tasks } = state;
  const offered = costs.filter((name) => occurs(section, name));
  const cost = metricNamed(offered.includes(state.cost) ? state.cost : offered[0] ?? "keptBytes")!;
  const accuracy = metricNamed(section.accuracy)!;
  const points = section.methods.filter((method) => passes(state, method)).flatMap((method): CostPoint[] => {
    const entry = entryOf(method.label, tasks);
    const x = entry && estimateOf(entry, cost.name)?.mean;
    const y = entry && estimateOf(entry, accuracy.name)?.mean;
    if (x === undefined || y === undefined) return [];
    const look = looks.get(method.label)?.look;
    return [{
      label: method.label,
      cost: x,
      accuracy: y,
      role: roleOf(board, section, method),
      isBound: method.class === "bound",
      ...(look ? { look } : {}),
    }];
  });
  const front = new Set(paretoFront(points).map(({ label }) => label));
  const inquire = (label: string): Inquiry => entryInquiry(entryOf(label, tasks)!, cost);
  const write = (point: CostPoint) =>
    `${formatValue(point.cost, cost.unit)}, ${formatBare(point.accuracy, "percent")} %`;
  return (
    <Part
      id="costs"
      title="Accuracy and what it costs"
      lead={`At T = ${tasks}. The dashed line is the front: nothing cheaper is more accurate. All methods that pass the filters are dots.`}
    >
      <Choice
        label="Cost"
        value={cost.name}
        options={offered.map((name) => ({ value: name, text: metricNamed(name)!.long }))}
        onChoose={(value) => choose({ cost: value })}
      />
      {points.length === 0 ? <p class="empty">No method has both.</p> : (
        <Chart
          inputs={[section, tasks, looks, cost, points.map(({ label }) => label).join("\n")]}
          draw={(width) =>
            costChart(points, {
              ink,
              width,
              axis: `${accuracy.long}, %`,
              costAxis: cost.long,
              description: `${accuracy.long} against ${cost.long}. On the front: ${
                [...front].join(", ")
              }. The table below has the values.`,
              tick: (value) => formatTick(value, "percent"),
              costUnit: cost.unit,
              title: (point) =>
                `${point.label}\n${write(point)}${front.has(point.label) ? "\non the front" : ""}`,
            })}
          onPick={(point) => ask(inquire((point as CostPoint).label))}
          table={
            <Scroll label="Accuracy and cost" tall>
              <table>
                <caption>{accuracy.long} and {cost.long}, T = {tasks}</caption>
                <thead>
                  <tr>
                    <th scope="col">Method</th>
                    <th scope="col" class="right">{cost.short}</th>
                    <th scope="col" class="right">{accuracy.short}</th>
                    <th scope="col">On the front</th>
                  </tr>
                </thead>
                <tbody>
                  {points.toSorted((a, b) => a.cost - b.cost || b.accuracy - a.accuracy).map((point) => (
                    <tr key={point.label}>
                      <th scope="row">
                        <bdi>{point.label}</bdi>
                      </th>
                      <td class="right">
                        <NumberButton
                          label={`${cost.short} of ${point.label}`}
                          inquiry={inquire(point.label)}
                        >
                          {formatValue(point.cost, cost.unit)}
                        </NumberButton>
                      </td>
                      <td class="right">{formatBare(point.accuracy, "percent")}</td>
                      <td>{front.has(point.label) ? "yes" : ""}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          }
        />
      )}
    </Part>
  );
}
