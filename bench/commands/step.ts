/**
 * `deno task step`: images per second of the LoRA training step on every backend, and with `--peers` beside PyTorch,
 * jax-js and tfjs where they are. Contestants take turns, so that a busy moment of the machine hits all of them. With
 * `--model`, seconds and memory of one large model on one backend instead.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { InputError } from "../../src/core/mod.ts";
import { type BackendChoice, backendChoices, createExecutor } from "../../src/executors/mod.ts";
import { trace } from "../../src/graph/mod.ts";
import * as ops from "../../src/graph/mod.ts";
import { type CommandSpec, positiveInteger, runMain } from "../cli.ts";
import { describeLargeStep, type LargeModel, largeModels, measureLargeStep } from "../lab/large_step.ts";
import { timeProducts } from "../lab/peers/time_products.ts";
import { type Contestant, type HostCost, ownContestant, stepShapes, Torch } from "../lab/step_contestants.ts";
import { formatTable } from "../table.ts";

interface Options {
  readonly peers?: true;
  readonly quick?: true;
  readonly rounds: number;
  readonly model?: LargeModel;
  readonly backend?: BackendChoice;
  readonly batch?: number;
  readonly depth?: number;
  readonly json?: true;
}

interface Row {
  readonly shape: string;
  readonly contestant: string;
  /** The least of all rounds. */
  readonly milliseconds: number;
  readonly imagesPerSecond: number;
  /** By the step's definition (`costOf`), the same for every contestant. */
  readonly gflopPerSecond: number;
  /** Of a large matrix product by the same backend with as many threads. */
  readonly gemmGflopPerSecond?: number;
  readonly host?: HostCost;
}

interface Product {
  readonly contestant: string;
  readonly milliseconds: number;
  readonly gflopPerSecond: number;
}

interface Report {
  readonly steps: readonly Row[];
  /** 512³ matrix products on the WebGPU adapter. */
  readonly products: readonly Product[];
  readonly absent: readonly string[];
}

/** A turn takes about so many milliseconds. */
const TURN = 400;
const MATMUL = 512;
const PYTHON = "python3";

type Candidate = readonly [name: string, create: () => Contestant | Promise<Contestant>];

/** The last line of an error or of what a program printed. */
function sentence(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1)!;
}

/** Whether a Python here has PyTorch. */
async function openTorch(): Promise<Torch> {
  const args = ["-c", "import torch; print(torch.__version__)"];
  const { success, stdout, stderr } = await new Deno.Command(PYTHON, { args }).output();
  if (!success) throw new Error(sentence(new TextDecoder().decode(stderr)));
  return new Torch(PYTHON, sentence(new TextDecoder().decode(stdout)));
}

async function measureSteps({ rounds, quick }: Options, torch: Torch | undefined, absent: Set<string>) {
  const rows: Row[] = [];
  for (const shape of quick ? stepShapes.slice(0, 1) : stepShapes) {
    const own = (backend: Parameters<typeof ownContestant>[0], threads?: number): Candidate => [
      backend,
      () => ownContestant(backend, shape, threads === undefined ? {} : { threads }),
    ];
    const candidates = [own("onnx-node", 1), own("onnx-node", 2), own("onnx-web"), own("webgpu")];
    const contestants: Contestant[] = [];
    try {
      for (const [name, create] of candidates) {
        try {
          contestants.push(await create());
        } catch (error) {
          absent.add(`${name}: ${sentence(error)}`);
        }
      }
      if (torch) contestants.push(...[1, 2].map((threads) => torch.contestant(shape, threads)));
      const best = new Map<Contestant, number>();
      const gemm = new Map<Contestant, number>();
      for (const contestant of contestants) best.set(contestant, await contestant.measure(1));
      for (let round = 0; round < rounds; round++) {
        for (const [contestant, known] of best) {
          const steps = Math.max(1, Math.min(16, Math.floor(TURN / known)));
          best.set(contestant, Math.min(known, await contestant.measure(steps)));
          if (contestant.gemmRate) gemm.set(contestant, await contestant.gemmRate());
        }
      }
      for (const [contestant, milliseconds] of best) {
        rows.push({
          shape: shape.name,
          contestant: contestant.name,
          milliseconds,
          imagesPerSecond: 1e3 * shape.run.batch / milliseconds,
          gflopPerSecond: contestant.flop / milliseconds / 1e6,
          ...(gemm.has(contestant) && { gemmGflopPerSecond: gemm.get(contestant)! / 1e9 }),
          ...(contestant.hostCost && { host: await contestant.hostCost() }),
        });
      }
    } finally {
      for (const contestant of contestants) await contestant.dispose();
    }
  }
  return rows;
}

async function ownProduct(): Promise<number> {
  const { executor } = await createExecutor("webgpu");
  try {
    const shape = [MATMUL, MATMUL];
    const tensors = ["a", "b"].map((label) => executor.tensor({ shape, label }));
    const [a, b] = tensors as [typeof tensors[0], typeof tensors[0]];
    const program = trace((graph) => {
      graph.update("a", ops.matmul(graph.state("a", shape), graph.state("b", shape)));
    });
    a.write(new Float32Array(MATMUL ** 2).fill(1));
    b.write(new Float32Array(MATMUL ** 2).fill(1 / MATMUL));
    const executable = await executor.compile(program, { a, b });
    return await timeProducts(async (count) => {
      for (let i = 0; i < count; i++) await executable.run({});
      await a.read();
    });
  } finally {
    await executor.dispose();
  }
}

/** A library's product, timed in a process of its own. */
async function peerProduct(file: string): Promise<number> {
  const path = decodeURIComponent(new URL(`../lab/peers/${file}`, import.meta.url).pathname);
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--quiet", "--no-check", "--no-config", "--no-lock", "-A", path, String(MATMUL)],
  }).output();
  if (!success) throw new Error(sentence(new TextDecoder().decode(stderr)));
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!).milliseconds;
}

async function measureProducts(absent: Set<string>): Promise<Product[]> {
  const products: Product[] = [];
  for (
    const [contestant, measure] of [
      ["webgpu", ownProduct],
      ["jax-js", () => peerProduct("jaxjs_matmul.ts")],
      ["tfjs", () => peerProduct("tfjs_matmul.ts")],
    ] as const
  ) {
    try {
      const milliseconds = await measure();
      products.push({ contestant, milliseconds, gflopPerSecond: 2 * MATMUL ** 3 / milliseconds / 1e6 });
    } catch (error) {
      absent.add(`${contestant}: ${sentence(error)}`);
    }
  }
  return products;
}

async function measure(options: Options): Promise<Report> {
  const absent = new Set<string>();
  let torch: Torch | undefined;
  if (options.peers) {
    torch = await openTorch().catch((error) => void absent.add(`PyTorch: ${sentence(error)}`));
  }
  try {
    const steps = await measureSteps(options, torch, absent);
    const products = options.peers ? await measureProducts(absent) : [];
    return { steps, products, absent: [...absent] };
  } finally {
    await torch?.dispose();
  }
}

function describe({ steps, products, absent }: Report): string {
  const rows = steps.map((row) => {
    const { shape, contestant, milliseconds, imagesPerSecond, gflopPerSecond, gemmGflopPerSecond, host } =
      row;
    const peers = steps.filter((peer) => peer.shape === shape && peer.contestant.startsWith("PyTorch"));
    const peer = Math.max(...peers.map(({ imagesPerSecond }) => imagesPerSecond));
    return [
      shape,
      contestant,
      milliseconds.toFixed(1),
      imagesPerSecond.toFixed(0),
      gflopPerSecond.toFixed(1),
      gemmGflopPerSecond === undefined
        ? ""
        : `${(100 * gflopPerSecond / gemmGflopPerSecond).toFixed(0)} % of ${gemmGflopPerSecond.toFixed(1)}`,
      peers.length > 0 ? `${(imagesPerSecond / peer).toFixed(2)}x` : "",
      host
        ? `${host.dispatches} dispatches of ${host.microsecondsPerDispatch.toFixed(1)} µs, ` +
          `${host.submitsPerStep} submits, ${host.waitsPerStep} waits`
        : "",
    ];
  });
  const own = products.find(({ contestant }) => contestant === "webgpu")?.gflopPerSecond;
  const productRows = products.map(({ contestant, milliseconds, gflopPerSecond }) => [
    contestant,
    milliseconds.toFixed(1),
    gflopPerSecond.toFixed(2),
    own === undefined ? "" : `${(own / gflopPerSecond).toFixed(2)}x`,
  ]);
  return formatTable([
    ["step", "by", "ms", "images/s", "GFLOP/s", "of GEMM", "of PyTorch's best", "host, a step"],
    ...rows,
  ]) +
    (productRows.length > 0
      ? formatTable([[`${MATMUL}³ on WebGPU`, "ms", "GFLOP/s", "webgpu is"], ...productRows])
      : "") +
    absent.map((line) => `not here: ${line}\n`).join("");
}

/** The command. */
export const step: CommandSpec<Options> = {
  name: "step",
  description: "Times the LoRA training step on every backend present.",
  configure(command: Command) {
    command
      .option("--peers", "also PyTorch, jax-js and tfjs where they are (bench/lab/peers/README.md)")
      .option("--rounds <n>", "turns of every contestant; the best counts", positiveInteger, 4)
      .option("--quick", "the first shape only")
      .addOption(
        new Option("--model <name>", "time and memory of a large model with random weights instead").choices(
          Object.keys(largeModels),
        ),
      )
      .addOption(new Option("--backend <name>", "with --model (default: onnx)").choices(backendChoices))
      .option("--batch <n>", "with --model, images a step (default: 8)", positiveInteger)
      .option("--depth <n>", "with --model, blocks (default: the model's)", positiveInteger)
      .option("--json", "machine-readable");
  },
  async run(_, options, output) {
    checkOptions(options);
    const { model, backend = "onnx", batch = 8, depth, rounds, json } = options;
    const print = (report: unknown, text: string) =>
      output.out(json ? `${JSON.stringify(report, undefined, 2)}\n` : text);
    if (model === undefined) {
      const report = await measure(options);
      print(report, describe(report));
    } else {
      const report = await measureLargeStep({
        ...{ model, backend, batch, rounds },
        ...(depth !== undefined && { depth }),
      });
      print(report, describeLargeStep(report));
    }
    return 0;
  },
};

/** Options that would do nothing are mistakes. */
function checkOptions({ model, peers, quick, backend, batch, depth }: Options): void {
  const misplaced = Object.entries(model === undefined ? { backend, batch, depth } : { peers, quick })
    .filter(([, value]) => value !== undefined).map(([name]) => `--${name}`);
  if (misplaced.length > 0) {
    throw new InputError(
      `Cannot use ${misplaced.join(", ")} ${model === undefined ? "without" : "with"} --model`,
    );
  }
}

if (import.meta.main) await runMain(step);
