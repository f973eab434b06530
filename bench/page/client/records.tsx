/// <reference lib="dom" />
/** @jsx h */
/**
 * The records behind a number: seeds, values, status, files and hashes.
 *
 * @module
 */
import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatBare, metricNamed } from "../charts/metrics.ts";
import { Scroll } from "./chart.tsx";
import { type Inquiry, useShared } from "./context.ts";
import type { LinkedRun } from "./load.ts";
import { RecordFile } from "./record_file.tsx";

/** Records beyond these are counted and not listed. */
const MOST = 200;

const words = { done: "done", failed: "failed", open: "unfinished" } as const;

function RecordRow({ run, metric, close }: {
  readonly run: LinkedRun;
  readonly metric: Inquiry["metric"];
  close(): void;
}) {
  const { choose, state: { section } } = useShared();
  // The gap is closed by pairs of runs; what a run has is its accuracy.
  const name = metric === "gapClosed" ? section.accuracy : metric;
  const value = run.figures[name];
  return (
    <tr>
      <th scope="row">
        <bdi>{run.seed}</bdi>
      </th>
      <td>
        <bdi>{run.method}</bdi>
      </td>
      <td class="right">{run.tasks}</td>
      <td class="right">{value === undefined ? "–" : formatBare(value, metricNamed(name)!.unit)}</td>
      <td>{words[run.status]}{run.failure ? <span class="remark">{run.failure}</span> : null}</td>
      <td class="file">
        <RecordFile run={run} />
      </td>
      <td>
        <button
          type="button"
          class="plain-button"
          onClick={() => {
            choose({ run: run.name });
            close();
            // The dialog gives the focus back when it closes, after which it may move.
            setTimeout(() => {
              const part = document.getElementById("run");
              part?.scrollIntoView();
              part?.focus();
            }, 50);
          }}
        >
          See the run
        </button>
      </td>
    </tr>
  );
}

/** A dialog. */
export function Records({ inquiry, close }: { readonly inquiry: Inquiry; close(): void }) {
  const { state: { section } } = useShared();
  const dialog = useRef<HTMLDialogElement>(null);
  const { title, notes, metric, cells } = inquiry;
  useEffect(() => dialog.current!.showModal(), [inquiry]);
  const wanted = new Set(cells.map(({ method, tasks }) => `${tasks} ${method}`));
  const runs = (section.runs as readonly LinkedRun[]).filter(({ method, tasks }) =>
    wanted.has(`${tasks} ${method}`)
  );
  const name = metricNamed(metric === "gapClosed" ? section.accuracy : metric)!;
  return (
    <dialog ref={dialog} class="records" aria-labelledby="records-title" onClose={close}>
      <div class="bar">
        <h2 id="records-title">
          <bdi>{title}</bdi>
        </h2>
        <button type="button" class="close" onClick={() => dialog.current!.close()}>Close</button>
      </div>
      {notes.map((note) => (
        <p key={note}>
          <bdi>{note}</bdi>
        </p>
      ))}
      {runs.length === 0 ? <p class="empty">There are no records.</p> : (
        <Scroll label="Records">
          <table>
            <thead>
              <tr>
                <th scope="col">Seed</th>
                <th scope="col">Method</th>
                <th scope="col" class="right">T</th>
                <th scope="col" class="right">{name.short}</th>
                <th scope="col">Status</th>
                <th scope="col">Record and hash</th>
                <th scope="col">
                  <span class="unseen">Look</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {runs.slice(0, MOST).map((run) => (
                <RecordRow
                  key={run.name}
                  run={run}
                  metric={metric}
                  close={() => dialog.current!.close()}
                />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {runs.length > MOST ? <p class="hint">{runs.length - MOST} more are in leaderboard.json.</p> : null}
    </dialog>
  );
}
