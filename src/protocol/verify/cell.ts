/**
 * Whether a cell is one that this program would run: its method, its options, its settings, and when it is scored.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/json.ts";
import { createMethod, type Method } from "../../methods/mod.ts";
import { isEvaluated, type RunRecord } from "../records/record.ts";
import { resolveSettings } from "../settings.ts";
import type { Finding } from "./finding.ts";

/** The method of a cell, or what is wrong with it. */
export function methodOf({ method: name, options }: RunRecord["start"]["cell"]): Method | Finding {
  try {
    const method = createMethod({ name, options });
    const [found, wanted] = [options, method.options].map((value) => canonicalJson(value));
    if (found === wanted) return method;
    return {
      check: "method",
      line: 1,
      found: `options ${found}`,
      wanted: `${wanted}, as ${name} resolves them`,
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const [, found, wanted] = /found (.*), wanted (.*)$/s.exec(error.message) ?? [];
    return {
      check: "method",
      line: 1,
      found: found ?? error.message,
      wanted: wanted ?? `options of ${name} in their ranges`,
    };
  }
}

/** A method on a stream that it is refused on. */
export function checkUse({ start: { cell } }: RunRecord, { name, needsNewClasses }: Method): Finding[] {
  if (needsNewClasses === undefined || cell.stream !== "domains" || cell.tasks < 2) return [];
  return [{
    check: "method",
    line: 1,
    found: `${name} on a stream "domains"`,
    wanted: "a method that does not need new classes",
  }];
}

/** Settings that have another form than a run gives them. */
export function checkSettings({ start }: RunRecord): Finding[] {
  const [found, wanted] = [start.cell.settings, resolveSettings(start.cell.settings)].map((value) =>
    canonicalJson(value)
  );
  if (found === wanted) return [];
  return [{
    check: "method",
    line: 1,
    found: `settings ${found}`,
    wanted: `${wanted}, as a run resolves them`,
  }];
}

/** Tasks that are missing at the end, and scores that are there or not against what the cell says. */
export function checkTasks({ start, tasks, end }: RunRecord, method: Method | undefined): Finding[] {
  const { cell } = start;
  const findings: Finding[] = [];
  const add = (line: number, found: string, wanted: string) =>
    findings.push({ check: "tasks", line, found, wanted });
  const last = tasks.length + (end ? 2 : 1);
  if (!end) add(last, `no end after ${tasks.length} of ${cell.tasks} tasks`, "a finished run");
  if (end?.failure && end.failure.task !== tasks.length) {
    add(last, `a failure in task ${end.failure.task}`, `in task ${tasks.length}, the first that is not done`);
  }
  if (tasks.length > cell.tasks) add(last, `${tasks.length} tasks`, `${cell.tasks}`);
  for (const { index, evaluation, training, cost } of tasks) {
    const line = index + 2;
    const isBound = method?.sees === "all";
    const waits = isBound && index < cell.tasks - 1;
    const isScored = isEvaluated(cell.evaluate, index, cell.tasks) && !waits;
    // Of a method that is unknown, it is not known whether it waits for the last task.
    if (method || evaluation) {
      const when = isBound
        ? "after the last task, for a bound"
        : `as evaluate=${cell.evaluate ?? "all"} says`;
      if ((evaluation !== undefined) !== isScored) {
        add(line, evaluation ? "scores" : "no scores", `${isScored ? "scores" : "none"} ${when}`);
      }
    }
    if (waits && (training || cost)) add(line, "a training before the last task", "none, for a bound");
    if (method?.trains === false && training) {
      add(line, "a training", `none, as ${method.name} trains nothing`);
    }
  }
  return findings;
}
