/**
 * `deno task kernels`: how long every kernel family takes on every backend, and what share that is of the most this
 * machine can do.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { BackendUnavailableError } from "../../src/core/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import type { Ceiling } from "../lab/gpu_ceiling.ts";
import type { KernelCase } from "../lab/kernel_case.ts";
import { families, kernelCases } from "../lab/kernel_cases.ts";
import {
  type Bench,
  createBench,
  type KernelTime,
  type TimedBackend,
  timedBackends,
  type TimingPlan,
} from "../lab/kernel_timing.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly backend?: readonly TimedBackend[];
  readonly family: readonly string[];
  readonly quick?: true;
  readonly json?: true;
}

interface BackendReport {
  readonly backend: TimedBackend;
  readonly device: string;
  readonly ceiling: Ceiling;
  /** Of a large matrix product. */
  readonly gemmGflopPerSecond: number;
  readonly floorMilliseconds: number;
}

interface Row {
  readonly family: string;
  readonly shape: string;
  readonly backend: TimedBackend;
  readonly variant: string;
  /** The least, which the rates follow from. */
  readonly milliseconds: number;
  readonly medianMilliseconds: number;
  /** By definition, whatever the backend computes. */
  readonly flop: number;
  readonly bytes: number;
  readonly gflopPerSecond: number;
  readonly gigabytesPerSecond: number;
  /** The time that arithmetic or traffic alone would take at the ceiling, whichever is longer, over the time taken. */
  readonly shareOfCeiling: number;
  /** The rate of the definition's FLOP over that of a large matrix product. */
  readonly shareOfGemm: number;
}

interface Report {
  readonly backends: readonly BackendReport[];
  readonly absent: readonly { readonly backend: TimedBackend; readonly reason: string }[];
  readonly rows: readonly Row[];
}

const THOROUGH: TimingPlan = { budget: 100, rounds: 3 };
const QUICK: TimingPlan = { budget: 20, rounds: 1 };
/** The reference exists to be right: it is timed only where it is quick enough to be worth the wait. */
const REFERENCE_FLOP = 2 ** 23;

function listOf<T extends string>(known: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    const stranger = names.find((name) => !(known as readonly string[]).includes(name));
    if (stranger !== undefined) {
      throw new InvalidArgumentError(`Found "${stranger}", wanted some of ${known.join(", ")}.`);
    }
    return known.filter((name) => names.includes(name));
  };
}

type Timed = Omit<Row, "shareOfCeiling" | "shareOfGemm">;

function timedRow(
  { family, shape, flop, bytes }: KernelCase,
  backend: TimedBackend,
  { min, median, variant }: KernelTime,
): Timed {
  return {
    family,
    shape,
    backend,
    variant,
    milliseconds: min,
    medianMilliseconds: median,
    flop,
    bytes,
    gflopPerSecond: flop / min / 1e6,
    gigabytesPerSecond: bytes / min / 1e6,
  };
}

/** A kernel may beat the programs that look for the ceiling: other programs can take the machine away from those. */
function raise({ flops, bytes, how }: Ceiling, rows: readonly Timed[]): Ceiling {
  return {
    flops: Math.max(flops, ...rows.map(({ gflopPerSecond }) => 1e9 * gflopPerSecond)),
    bytes: Math.max(bytes, ...rows.map(({ gigabytesPerSecond }) => 1e9 * gigabytesPerSecond)),
    how: `the best of: ${how}; any kernel below`,
  };
}

async function measure({ backend, family, quick }: Options, output: Output): Promise<Report> {
  const plan = quick ? QUICK : THOROUGH;
  const cases = kernelCases(family).filter((work) => !quick || work.quick);
  const backends: BackendReport[] = [];
  const absent: { backend: TimedBackend; reason: string }[] = [];
  const rows: Row[] = [];
  for (const name of backend ?? timedBackends.filter((name) => name !== "reference")) {
    let bench: Bench;
    try {
      bench = await createBench(name, plan);
    } catch (error) {
      // Asked for by name, it must be here.
      if (!(error instanceof BackendUnavailableError) || backend) throw error;
      absent.push({ backend: name, reason: error.message });
      continue;
    }
    const timed: Timed[] = [];
    try {
      for (const work of cases) {
        if (name === "reference" && work.flop > REFERENCE_FLOP) {
          output.err(`reference: ${work.family} ${work.shape} is left out, it would take too long.\n`);
          continue;
        }
        timed.push(timedRow(work, name, await bench.time(work)));
      }
    } finally {
      await bench.dispose();
    }
    const ceiling = raise(bench.ceiling, timed);
    const products = timed.filter((row) => row.family === "matmul").map((row) => row.gflopPerSecond);
    const gemmGflopPerSecond = Math.max(bench.gemm / 1e9, ...products);
    backends.push({
      backend: name,
      device: bench.device,
      ceiling,
      gemmGflopPerSecond,
      floorMilliseconds: bench.floor,
    });
    rows.push(...timed.map((row) => ({
      ...row,
      shareOfCeiling: Math.max(row.flop / ceiling.flops, row.bytes / ceiling.bytes) /
        (row.milliseconds / 1e3),
      shareOfGemm: row.gflopPerSecond / gemmGflopPerSecond,
    })));
  }
  // One kernel's backends side by side.
  const place = new Map(cases.map(({ family, shape }, i) => [`${family} ${shape}`, i]));
  const placeOf = ({ family, shape }: Row) => place.get(`${family} ${shape}`)!;
  return { backends, absent, rows: rows.sort((a, b) => placeOf(a) - placeOf(b)) };
}

function describe({ backends, absent, rows }: Report): string {
  const lines = backends.map((
    { backend, device, ceiling: { flops, bytes, how }, gemmGflopPerSecond, floorMilliseconds },
  ) =>
    `${backend} on ${device}: ceiling ${(flops / 1e9).toFixed(1)} GFLOP/s, ${
      (bytes / 1e9).toFixed(1)
    } GB/s (${how}); GEMM ${gemmGflopPerSecond.toFixed(1)} GFLOP/s` +
    (floorMilliseconds > 0 ? `; an empty run takes ${floorMilliseconds.toFixed(3)} ms` : "")
  );
  const missing = absent.map(({ backend, reason }) => `${backend}: not here. ${reason}`);
  const cells = rows.map((row) => [
    row.family,
    row.shape,
    row.backend,
    row.variant,
    row.milliseconds.toFixed(3),
    row.gflopPerSecond.toFixed(2),
    row.gigabytesPerSecond.toFixed(2),
    `${(100 * row.shareOfGemm).toFixed(0)} %`,
    `${(100 * row.shareOfCeiling).toFixed(0)} %`,
  ]);
  const head = ["family", "shape", "backend", "variant", "ms", "GFLOP/s", "GB/s", "of GEMM", "of ceiling"];
  return `${[...lines, ...missing].join("\n")}\n${formatTable([head, ...cells])}`;
}

/** The command. */
export const kernels: CommandSpec<Options> = {
  name: "kernels",
  description: "Times every kernel family through every backend present.",
  configure(command: Command) {
    command
      .option(
        "--backend <list>",
        `some of ${timedBackends.join(", ")}; all but the last by default`,
        listOf(timedBackends),
      )
      .option("--family <list>", `some of ${families.join(", ")}`, listOf(families), families)
      .option("--quick", "fewer shapes and repetitions")
      .option("--json", "machine-readable, with medians");
  },
  async run(_, options, output) {
    const report = await measure(options, output);
    output.out(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report));
    return 0;
  },
};

if (import.meta.main) await runMain(kernels);
