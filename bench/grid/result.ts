/**
 * What a benchmark gives to programs: every cell with its status, its record and its figures.
 *
 * @module
 */
import type { JsonObject } from "../../src/core/mod.ts";
import { type Board, type BoardRun, layoutOf } from "../../src/protocol/mod.ts";
import type { LoadedSuite } from "./plan.ts";
import type { JobResult } from "./pool.ts";
import type { StopSignal } from "./interrupt.ts";

/** A cell for programs. */
export interface CellResult {
  /** Base name of its record. */
  readonly name: string;
  readonly method: string;
  /** Resolved. */
  readonly options: JsonObject;
  readonly tasks: number;
  readonly orderSeed: number;
  readonly trainSeed: number;
  /** `"failed"`: training diverged. `"error"`: it could not be run. `"open"`: it is not finished. */
  readonly status: "done" | "failed" | "error" | "open";
  /** What went wrong. */
  readonly message?: string;
  /** Path of its record. */
  readonly record: string;
  /** Of the record, once it is finished. */
  readonly hash?: string;
  /** By name, as on the board; empty unless it is done. */
  readonly figures: BoardRun["figures"];
}

/** A benchmark for programs. */
export interface BenchResult {
  /** Of this format. */
  readonly edition: 1;
  /** `"done"` if every cell is. */
  readonly status: "done" | "failed" | "stopped";
  readonly signal?: StopSignal;
  readonly out: string;
  /** The leaderboard's file, if it was written. */
  readonly page?: string;
  readonly cells: readonly CellResult[];
  /** What the data decide and what they do not, section by section. */
  readonly sections: readonly { readonly description: string; readonly verdict: readonly string[] }[];
}

/** The result of a benchmark whose finished records are on a board. */
export function resultOf(
  { cells }: Pick<LoadedSuite, "cells">,
  board: Board,
  results: readonly JobResult[],
  { out, page, signal }: {
    readonly out: string;
    readonly page?: string | undefined;
    readonly signal?: StopSignal | undefined;
  },
): BenchResult {
  const runs = new Map(board.sections.flatMap((section) => section.runs.map((run) => [run.name, run])));
  const errors = new Map(
    results.filter(({ status }) => status === "error").map(({ job, message }) => [job.name, message]),
  );
  const listed = cells.map(({ cell, job }): CellResult => {
    const run = runs.get(job.name);
    const message = errors.get(job.name) ?? run?.failure;
    const { method, options, tasks, orderSeed, trainSeed } = cell;
    return {
      name: job.name,
      method,
      options,
      tasks,
      orderSeed,
      trainSeed,
      status: errors.has(job.name) ? "error" : run?.status ?? "open",
      ...(message !== undefined && { message }),
      record: layoutOf(out).record(job.name),
      ...(run?.hash !== undefined && { hash: run.hash }),
      figures: run?.figures ?? {},
    };
  });
  return {
    edition: 1,
    status: signal ? "stopped" : listed.every(({ status }) => status === "done") ? "done" : "failed",
    ...(signal && { signal }),
    out,
    ...(page !== undefined && { page }),
    cells: listed,
    sections: board.sections.map(({ description, verdict }) => ({ description, verdict })),
  };
}
