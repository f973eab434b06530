/**
 * The messages between the command and its workers. A worker loads nothing itself: data and backbone are sent to
 * it, checked once by the command.
 *
 * @module
 */
import type { Dataset, StreamOptions } from "../../src/data/mod.ts";
import type { BackendInfo } from "../../src/executors/mod.ts";
import type { Backbone } from "../../src/nn/mod.ts";
import type {
  Environment,
  EvaluateWhen,
  Machine,
  Progress,
  ProtocolSettings,
  Source,
} from "../../src/protocol/mod.ts";
import type { Units } from "./costs.ts";

/**
 * Threads of a cell's backend. Always one: more may round large products differently, and a resumed run must repeat
 * its bits.
 */
export const CELL_THREADS = 1;

/** What a worker is started with. */
export interface WorkerSetup {
  readonly dataset: Dataset;
  readonly backbone: Backbone;
  readonly backend: BackendInfo["backend"];
  readonly settings: ProtocolSettings;
  readonly environment: Environment;
  readonly source: Source;
  readonly out: string;
  readonly keepAdapters: boolean;
  /** Run finished cells again. */
  readonly fresh: boolean;
  /** Names this machine to those that share the folder. */
  readonly machine: Machine;
}

/** One cell to run. */
export interface Job {
  /** Position in the plan. */
  readonly id: number;
  /** Method with options. */
  readonly method: string;
  readonly stream: StreamOptions;
  readonly evaluate?: EvaluateWhen;
  readonly trainSeed: number;
  /** Base name of the cell's files. */
  readonly name: string;
}

/** To a worker. */
export type WorkerRequest =
  | { readonly kind: "setup"; readonly setup: WorkerSetup }
  /** `images`: how many are to come in training steps, so that looking takes no longer than doing. */
  | { readonly kind: "measure"; readonly images: number }
  | { readonly kind: "run"; readonly job: Job }
  /** End the cell in progress before its next step. */
  | { readonly kind: "stop" };

/** From a worker. */
export type WorkerReply =
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly units: Units }
  | { readonly kind: "progress"; readonly id: number; readonly progress: Progress }
  /** Something worth knowing about a cell. */
  | { readonly kind: "notice"; readonly id: number; readonly text: string }
  /** Somebody else is running the cell. */
  | { readonly kind: "busy"; readonly id: number }
  | {
    readonly kind: "done";
    readonly id: number;
    readonly status: "done" | "failed";
    readonly message?: string;
  }
  /** Nothing is in progress any more, and no claim is held. */
  | { readonly kind: "stopped" }
  | { readonly kind: "error"; readonly id?: number; readonly message: string; readonly stack?: string };
