/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Chooses a section by what it holds fixed, a number of tasks, and which methods stand in the tables.
 *
 * @module
 */
import { h } from "preact";
import type { Board, BoardMethod, BoardSection, MethodClass } from "../../../src/protocol/mod.ts";
import { methodClasses } from "../model.ts";
import { Choice } from "./chart.tsx";
import { useShared } from "./context.ts";
import type { State } from "./state.ts";

/** Parts in which sections differ, by name: what each section has. */
function facetsOf({ sections }: Board): Map<string, string[]> {
  const rows = sections.map(({ fixed }) => {
    const { dataset, backbone, backend, edition, settings } = fixed;
    const row: Record<string, string> = {
      "Data": named(
        dataset.name,
        dataset.fingerprint,
        sections.map(({ fixed: { dataset } }) => [dataset.name, dataset.fingerprint]),
      ),
      "Stream": streamText(fixed),
      "Backbone": named(
        backbone.id,
        backbone.hash,
        sections.map(({ fixed: { backbone } }) => [backbone.id, backbone.hash]),
      ),
      "Backend": backend,
      "Edition": `${edition}`,
    };
    for (const [name, value] of Object.entries(settings)) {
      row[facetName(name)] = typeof value === "string" ? value : JSON.stringify(value);
    }
    return new Map(Object.entries(row));
  });
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const facets = new Map(names.map((name) => [name, rows.map((row) => row.get(name) ?? "none")]));
  return new Map([...facets].filter(([name, values]) => name === "Data" || new Set(values).size > 1));
}

/** A name, with its hash where another has the same name. */
function named(name: string, hash: string, all: readonly (readonly [name: string, hash: string])[]): string {
  return all.some(([other, its]) => other === name && its !== hash) ? `${name} ${hash.slice(0, 8)}` : name;
}

function facetName(setting: string): string {
  const words = setting.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function streamText(
  { stream, classesPerTask, firstTask, taskSizes, classOrder, evaluate }: BoardSection["fixed"],
): string {
  const kind = stream === undefined ? "" : `${stream}, `;
  const sizes = taskSizes
    ? `tasks of ${
      taskSizes.length > 6 ? `${taskSizes.slice(0, 5).join(", ")}, …` : taskSizes.join(", ")
    } classes`
    : classesPerTask === undefined
    ? "all classes dealt out"
    : `${firstTask === undefined ? "" : `${firstTask} classes, then `}${classesPerTask} classes per task`;
  const order = classOrder === undefined
    ? ""
    : `, order ${classOrder.startsWith("given") ? "given" : classOrder}`;
  const scored = evaluate === undefined
    ? ""
    : `, scored ${evaluate === "last" ? "at the end" : `every ${evaluate} tasks`}`;
  return kind + sizes + order + scored;
}

/** The section nearest to the present one that has a value. */
function nearest(facets: Map<string, string[]>, present: number, facet: string, value: string): number {
  const alike = (i: number) => [...facets.values()].filter((values) => values[i] === values[present]).length;
  const having = [...facets.get(facet)!.keys()].filter((i) => facets.get(facet)![i] === value);
  return having.toSorted((a, b) => alike(b) - alike(a))[0] ?? present;
}

/** Whether a method passes class, family and search. */
export function passes({ classes, family, search }: State, method: BoardMethod): boolean {
  return classes.includes(method.class) && (family === "" || (method.family ?? "") === family) &&
    method.label.toLowerCase().includes(search.trim().toLowerCase());
}

/** What a class is called. */
export const classNames: Readonly<Record<MethodClass, string>> = {
  "plain": "stores no images",
  "buffer": "image buffer",
  "test data": "sees test images",
  "bound": "bound",
};

/** The filters. */
export function Filters() {
  const { board, state, choose } = useShared();
  const { section, tasks, classes, family, search } = state;
  const facets = facetsOf(board);
  const present = board.sections.findIndex(({ id }) => id === section.id);
  const families = [...new Set(section.methods.flatMap((method) => method.family ?? []))].sort();
  const kinds = methodClasses.filter((kind) => section.methods.some((method) => method.class === kind));
  const toggle = (kind: MethodClass, isOn: boolean) => {
    const next = methodClasses.filter((other) => other === kind ? isOn : classes.includes(other));
    choose({ class: next.length === methodClasses.length ? undefined : next.join(",") });
  };
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {[...facets].map(([name, values]) => (
        <Choice
          key={name}
          label={name}
          value={values[present]!}
          options={[...new Set(values)].map((value) => ({ value, text: value }))}
          onChoose={(value) => {
            const { id } = board.sections[nearest(facets, present, name, value)]!;
            choose({ s: id, t: undefined, show: undefined, off: undefined, run: undefined, own: undefined });
          }}
        />
      ))}
      <Choice
        label="Number of tasks, T"
        value={`${tasks}`}
        options={section.tasks.map((count) => ({ value: `${count}`, text: `${count}` }))}
        onChoose={(value) => choose({ t: value, run: undefined })}
      />
      {families.length > 0
        ? (
          <Choice
            label="Family"
            value={family}
            options={["", ...families].map((value) => ({ value, text: value || "all" }))}
            onChoose={(value) => choose({ family: value || undefined })}
          />
        )
        : null}
      <label class="choice">
        <span>Method</span>
        <input
          type="search"
          value={search}
          placeholder="part of a name"
          onInput={(event) => choose({ q: event.currentTarget.value || undefined })}
        />
      </label>
      {kinds.length > 1
        ? (
          <div class="choice classes" role="group" aria-labelledby="classes">
            <span id="classes">Class</span>
            <div class="row">
              {kinds.map((kind) => (
                <label key={kind} class="check">
                  <input
                    type="checkbox"
                    checked={classes.includes(kind)}
                    onChange={(event) => toggle(kind, event.currentTarget.checked)}
                  />
                  {classNames[kind]}
                </label>
              ))}
            </div>
          </div>
        )
        : null}
    </form>
  );
}
