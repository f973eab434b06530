/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * Where a run's record lies, as a link where there is one, and its hash.
 *
 * @module
 */
import { Fragment, h } from "preact";
import type { LinkedRun } from "./load.ts";

/** The file and the hash of a run. */
export function RecordFile({ run }: { readonly run: LinkedRun }) {
  return (
    <>
      {run.href
        ? (
          <a href={run.href} rel="noreferrer">
            <bdi>{run.path}</bdi>
          </a>
        )
        : <bdi>{run.path}</bdi>}
      <code>{run.hash ?? "no hash yet"}</code>
    </>
  );
}
