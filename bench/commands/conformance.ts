/**
 * `deno task conformance FILE…`: recomputes golden cases (forward, every gradient, a training run) on the backends
 * and shows how far each is from what an independent implementation computed.
 *
 * @module
 */
import Table from "cli-table3";
import { Option } from "commander";
import { checkGolden, type GoldenCase, loadGoldenCase, type TensorError } from "../../src/conformance/mod.ts";
import { BackendUnavailableError } from "../../src/core/mod.ts";
import { createExecutor } from "../../src/executors/mod.ts";
import { type CommandSpec, type Output, positiveNumber, runMain } from "../cli.ts";

const backends = ["reference", "onnx-node", "onnx-web", "webgpu"] as const;

interface Options {
  readonly backend: typeof backends[number] | "onnx" | "all";
  readonly tolerance: number;
  readonly tensors?: true;
  readonly json?: true;
}

/** A case on a backend. */
interface Report {
  readonly file: string;
  readonly backend: string;
  readonly device: string;
  readonly ok: boolean;
  /** Empty when the backend broke down. */
  readonly tensors: readonly TensorError[];
  /** How the backend broke down. */
  readonly error?: string;
}

/** A backend that cannot run here. */
interface Absence {
  readonly backend: string;
  readonly reason: string;
}

function worst(errors: readonly TensorError[]): TensorError | undefined {
  return errors.reduce<TensorError | undefined>(
    (most, error) => most && most.relative >= error.relative ? most : error,
    undefined,
  );
}

function part({ name }: TensorError): "forward" | "gradients" | "training" {
  return name.startsWith("grad/") ? "gradients" : name.startsWith("adamw/") ? "training" : "forward";
}

function table(head: string[], rows: readonly (readonly string[])[]): string {
  const result = new Table({ head, style: { head: [], border: [] } });
  result.push(...rows.map((row) => [...row]));
  return `${result.toString()}\n`;
}

function summary({ file, backend, tensors, ok }: Report): string[] {
  const worstOf = (wanted: ReturnType<typeof part>) =>
    worst(tensors.filter((error) => part(error) === wanted))?.relative.toExponential(1) ?? "";
  return [
    file.replace(/^.*[/\\]/, ""),
    backend,
    String(tensors.length),
    worstOf("forward"),
    worstOf("gradients"),
    worstOf("training"),
    worst(tensors)?.name ?? "",
    ok ? "ok" : "FAILED",
  ];
}

/** Runs all cases on one backend. With `all`, a backend that cannot run here is noted, not an error. */
async function measure(
  name: Exclude<Options["backend"], "all">,
  cases: ReadonlyMap<string, GoldenCase>,
  { backend: asked, tolerance }: Options,
): Promise<readonly Report[] | Absence> {
  let executor;
  try {
    ({ executor } = await createExecutor(name));
  } catch (error) {
    if (asked !== "all" || !(error instanceof BackendUnavailableError)) throw error;
    return { backend: name, reason: error.message };
  }
  try {
    const reports: Report[] = [];
    const { backend, device } = executor.info;
    for (const [file, golden] of cases) {
      const where = { file, backend, device };
      try {
        const tensors = await checkGolden(golden, executor);
        reports.push({ ...where, ok: tensors.every(({ relative }) => relative <= tolerance), tensors });
      } catch (error) {
        // One broken backend must not hide the others.
        reports.push({ ...where, ok: false, tensors: [], error: (error as Error).message });
      }
    }
    return reports;
  } finally {
    await executor.dispose();
  }
}

function show(
  reports: readonly Report[],
  absences: readonly Absence[],
  options: Options,
  output: Output,
): void {
  const { tolerance, tensors, json } = options;
  if (json) {
    output.out(`${JSON.stringify({ tolerance, reports, absences }, undefined, 2)}\n`);
    return;
  }
  const head = ["file", "backend", "tensors", "forward", "gradients", "training", "worst tensor", ""];
  output.out("Largest error of a tensor over its largest expected magnitude\n");
  output.out(table(head, reports.map(summary)));
  const rows = reports.flatMap(({ file, backend, tensors: errors }) =>
    errors.filter(({ relative }) => tensors || !(relative <= tolerance)).map((
      { name, absolute, relative },
    ) => [
      file,
      backend,
      name,
      absolute.toExponential(2),
      relative.toExponential(2),
    ])
  );
  if (rows.length > 0) output.out(table(["file", "backend", "tensor", "absolute", "relative"], rows));
  for (const { file, backend, error } of reports) if (error) output.out(`${file} on ${backend}: ${error}.\n`);
  for (const { backend, reason } of absences) output.out(`Not run on ${backend}: ${reason}.\n`);
}

/** The command. */
export const conformance: CommandSpec<Options> = {
  name: "conformance",
  description: "Recompute golden cases on the backends and compare every tensor",
  configure(command) {
    command
      .argument("<files...>", "golden cases (.safetensors)")
      .addOption(
        new Option("--backend <name>", "where to run").choices([...backends, "onnx", "all"]).default("all"),
      )
      .option("--tolerance <number>", "largest relative error allowed", positiveNumber, 1e-4)
      .option("--tensors", "list every tensor, not only those that exceed")
      .option("--json", "machine-readable, with every tensor");
  },
  async run(files, options, output) {
    const cases = new Map<string, GoldenCase>();
    for (const file of files) cases.set(file, await loadGoldenCase(file));
    const reports: Report[] = [];
    const absences: Absence[] = [];
    for (const backend of options.backend === "all" ? backends : [options.backend]) {
      const result = await measure(backend, cases, options);
      if ("reason" in result) absences.push(result);
      else reports.push(...result);
    }
    show(reports, absences, options, output);
    return reports.every(({ ok }) => ok) ? 0 : 1;
  },
};

if (import.meta.main) await runMain(conformance);
