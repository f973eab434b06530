/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * The whole page.
 *
 * @module
 */
import { h } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Board, RunDetail } from "../../../src/protocol/mod.ts";
import type { SectionRest } from "../payload.ts";
import { duelsOf, entriesOf, looksOf } from "../model.ts";
import { Later } from "./chart.tsx";
import { type Inquiry, pageInk, type Shared, SharedContext } from "./context.ts";
import { CostPart } from "./costs.tsx";
import { Filters } from "./filters.tsx";
import { GapPart, GrowthPart, LeadPart } from "./growth.tsx";
import { HeadsPart } from "./heads.tsx";
import { Legend } from "./legend.tsx";
import { type LinkedRun, loadSection } from "./load.ts";
import { PairsPart } from "./pairs.tsx";
import { Records } from "./records.tsx";
import { RunPart } from "./run.tsx";
import { readChoices, stateOf, writeChoices } from "./state.ts";
import { TablePart } from "./table.tsx";

/** What the page is made from. */
export interface AppProps {
  readonly board: Board;
  readonly records: number;
  readonly omitted: number;
  /** Of sections that are unpacked, by id. */
  readonly rests: ReadonlyMap<string, SectionRest>;
  detailOf(name: string): Promise<RunDetail | undefined>;
}

/** The whole page. */
export function App({ board, records, omitted, rests: first, detailOf }: AppProps) {
  const [choices, setChoices] = useState(readChoices);
  const [inquiry, ask] = useState<Inquiry>();
  useEffect(() => {
    const follow = () => setChoices(readChoices());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const ink = useMemo(pageInk, []);
  const [rests, setRests] = useState(first);
  const light = useMemo(() => stateOf(board, choices), [board, choices]);
  const { theme, section: { id } } = light;
  const section = useMemo(() => ({ ...light.section, ...rests.get(id) }), [id, rests]);
  const state = { ...light, section };
  useEffect(() => {
    if (rests.has(id)) return;
    const index = board.sections.findIndex((one) => one.id === id);
    loadSection(index).then((rest) => setRests((others) => new Map([...others, [id, rest]])));
  }, [id]);
  const ofSection = useMemo(() => ({
    entryOf: entriesOf(section),
    duel: duelsOf(section),
    runs: new Map(section.runs.map((run) => [run.name, run as LinkedRun])),
  }), [section]);
  const allLooks = useMemo(() => looksOf(board, section, state.shown, ink), [
    board,
    section,
    state.shown.join("\n"),
  ]);
  const hidden = new Set(state.hidden);
  const looks = useMemo(
    () => new Map([...allLooks].filter(([label]) => !hidden.has(label))),
    [allLooks, state.hidden.join("\n")],
  );
  useEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const shared: Shared = {
    board,
    state,
    ink,
    omitted,
    detailOf,
    allLooks,
    looks,
    ...ofSection,
    ask,
    choose: (changes) => {
      const next = Object.fromEntries(
        Object.entries({ ...choices, ...changes }).filter((entry): entry is [string, string] =>
          entry[1] !== undefined
        ),
      );
      writeChoices(next);
      setChoices(next);
    },
  };
  return (
    <SharedContext.Provider value={shared}>
      <a class="skip" href="#table" onClick={(event) => skip(event)}>Skip to the table</a>
      <Header shared={shared} />
      <main>
        <Filters />
        <TablePart />
        <Legend />
        <GrowthPart />
        <Later turn={1} key={`a${section.id}`}>
          <GapPart />
          <LeadPart />
        </Later>
        <Later turn={2} key={`b${section.id}`}>
          <CostPart />
        </Later>
        <Later turn={3} key={`c${section.id}`}>
          <PairsPart />
          <HeadsPart />
        </Later>
        <Later turn={4} key={`d${section.id}`}>
          <RunPart />
        </Later>
      </main>
      <Footer board={board} records={records} omitted={omitted} />
      {inquiry ? <Records inquiry={inquiry} close={() => ask(undefined)} /> : null}
    </SharedContext.Provider>
  );
}

/** The address keeps what is chosen, so that a link within the page must not replace it. */
function skip(event: Event): void {
  event.preventDefault();
  const target = document.getElementById("table");
  target?.scrollIntoView();
  target?.focus();
}

function Header({ shared: { board, state, choose } }: { readonly shared: Shared }) {
  const { section, theme } = state;
  const { first, rest, others } = verdictAt(section.verdict, state.tasks);
  return (
    <header class="head">
      <div class="bar">
        <p class="brand">Leaderboard</p>
        <label class="choice inline">
          <span>Colours</span>
          <select
            value={theme}
            onChange={(event) =>
              choose({ theme: event.currentTarget.value === "auto" ? undefined : event.currentTarget.value })}
          >
            <option value="auto" selected={theme === "auto"}>As the system</option>
            <option value="light" selected={theme === "light"}>Light</option>
            <option value="dark" selected={theme === "dark"}>Dark</option>
          </select>
        </label>
      </div>
      <h1 aria-live="polite">{first || `${board.protagonist} and its rivals`}</h1>
      {rest.map((text) => <p key={text} class="verdict">{text}</p>)}
      {others.length > 0
        ? (
          <details class="verdicts">
            <summary>At other numbers of tasks</summary>
            {others.map((text) => <p key={text}>{text}</p>)}
          </details>
        )
        : null}
      <p class="scope">
        <bdi>{section.description}</bdi>
      </p>
    </header>
  );
}

/** A verdict with what is said of one number of tasks first, and of that the first sentence. */
function verdictAt(verdict: readonly string[], tasks: number) {
  const isOf = (text: string) => /^At T = \d+\b/.test(text);
  const own = verdict.find((text) => new RegExp(`^At T = ${tasks}\\b`).test(text));
  const general = verdict.filter((text) => !isOf(text));
  const [text = "", ...rest] = own === undefined ? general : [own, ...general];
  const [, first = text, tail = ""] = /^(.+?[.!?])\s+(?=[\p{L}\d])(.+)$/su.exec(text) ?? [];
  return {
    first,
    rest: [tail, ...rest].filter(Boolean),
    others: verdict.filter((text) => isOf(text) && text !== own),
  };
}

function Footer({ board, records: runs, omitted }: Pick<AppProps, "board" | "records" | "omitted">) {
  return (
    <footer>
      <p>
        Made from {runs} {runs === 1 ? "record" : "records"} in {board.sections.length}{" "}
        {board.sections.length === 1 ? "section" : "sections"}. Numbers are rounded to five digits here;
        leaderboard.json has all. Every number opens the records that it is made of.
        {omitted > 0 ? ` Matrices of ${omitted} runs are left out to keep the page small.` : ""}
      </p>
      {board.problems.length > 0
        ? (
          <details class="problems" open>
            <summary>
              {board.problems.length === 1 ? "A file was" : `${board.problems.length} files were`} not used
            </summary>
            <ul>
              {board.problems.map(({ path, message }) => (
                <li key={path + message}>
                  <code>{path}</code> {message}
                </li>
              ))}
            </ul>
          </details>
        )
        : null}
    </footer>
  );
}
