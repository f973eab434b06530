/**
 * Makes `bench/grid/method_costs.json` from records: what each method does, in units of a training step and of a
 * forward pass, by least squares without negative parts over all its records. The unit of a folder is the median
 * training step of its methods, so folders may come from machines of any speed. In folders of machines that others used,
 * too, it is that of the records that ended about then, as the other folders tell what those cost.
 *
 * ```sh
 * deno run --allow-read --allow-write=bench/grid bench/lab/fit_costs.ts DIR... [--unsteady DIR]...
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fcnnlsVector } from "ml-fcnnls";
import { Matrix } from "ml-matrix";
import { median } from "simple-statistics";
import { createMethod } from "../../src/methods/mod.ts";
import { layoutOf, listRecords, parseCurrent, type RunRecord } from "../../src/protocol/mod.ts";
import {
  type Drivers,
  driversOf,
  type MethodCost,
  taskCosts,
  totalSeconds,
  type Units,
} from "../grid/costs.ts";

/** A finished record, what it gave to do, and the speed of its folder. */
interface Sample {
  readonly folder: string;
  readonly method: string;
  readonly head: string;
  readonly drivers: readonly Drivers[];
  readonly units: Units;
  /** Of the whole run. */
  readonly seconds: { readonly train: number; readonly method: number; readonly evaluate: number };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** How many records before and after one tell how fast the machine was. */
const REACH = 6;
/** A forward pass in training steps, of the shipped backbone. */
const FORWARD = 0.45;

/** The least share of a phase below which a part is noise. */
const NOISE = 0.01;

async function readFolder(folder: string): Promise<Sample[]> {
  const found: { readonly record: RunRecord; readonly ended: number }[] = [];
  for (const path of await listRecords(layoutOf(folder).records)) {
    const record = parseCurrent(await Deno.readTextFile(path), path);
    if (record.end?.status !== "done") continue;
    found.push({ record, ended: (await Deno.stat(path)).mtime?.getTime() ?? 0 });
  }
  const records = found.sort((a, b) => a.ended - b.ended).map(({ record }) => record);
  const raw = records.map((record) => {
    const { cell } = record.start;
    const tasks = record.tasks.map(({ classes, images }) => ({
      classes,
      train: { length: images.train },
      test: { length: images.test },
    }));
    const { sees } = createMethod(cell.method);
    const phase = (name: keyof Sample["seconds"]) => sum(record.tasks.map(({ seconds }) => seconds[name]));
    return {
      folder,
      method: cell.method,
      head: cell.settings.head,
      drivers: driversOf({ sees }, tasks, cell.settings, cell.evaluate),
      seconds: { train: phase("train"), method: phase("method"), evaluate: phase("evaluate") },
    };
  });
  return raw.map((sample) => ({ ...sample, units: unitsOf(1) }));
}

/** A machine on which a training step takes so long, by its images. */
function unitsOf(step: number): Units {
  return { step, forward: FORWARD * step };
}

/** How fast the machine was for a sample, as its training and the method's cost tell it. */
function speedOf(sample: Sample, costs: Readonly<Record<string, MethodCost>>): number | undefined {
  const counted = predicted(costs[sample.method] ?? {}, { ...sample, units: unitsOf(1) }, "train");
  return sample.seconds.train > 0 && counted > 0 ? sample.seconds.train / counted : undefined;
}

/** The samples of a folder with the speed of the machine: of the whole folder, or about then. */
function withUnits(
  samples: readonly Sample[],
  costs: Readonly<Record<string, MethodCost>>,
  reach = Infinity,
): Sample[] {
  const speeds = samples.map((sample) => speedOf(sample, costs));
  return samples.map((sample, i) => {
    const near = speeds.slice(Math.max(0, i - reach), i + reach + 1).filter((speed) => speed !== undefined);
    return { ...sample, units: unitsOf(median(near)) };
  });
}

/** Parts of a phase: each driver over the run, in seconds of the folder's unit. */
const parts = {
  train: {
    trained: ({ trained }: Drivers, { step }: Units) => step * trained,
    task: ({ tasks }: Drivers, { forward }: Units) => tasks > 0 ? forward : 0,
    tasks: ({ tasks }: Drivers, { forward }: Units) => forward * tasks,
    classes: ({ classes }: Drivers, { forward }: Units) => forward * classes,
  },
  method: {
    images: ({ images }: Drivers, { forward }: Units) => forward * images,
    task: ({ tasks }: Drivers, { forward }: Units) => tasks > 0 ? forward : 0,
    tasks: ({ tasks }: Drivers, { forward }: Units) => forward * tasks,
    classes: ({ classes }: Drivers, { forward }: Units) => forward * classes,
  },
  evaluate: {
    tests: ({ tests }: Drivers, { forward }: Units) => forward * tests,
    deploy: ({ tasks }: Drivers, { forward }: Units) => forward * tasks,
  },
} as const;

type Part = keyof MethodCost;

/** The parts that explain the seconds of some samples, by phase; what `known` says is taken off first. */
function fit(
  samples: readonly Sample[],
  known: (sample: Sample, phase: keyof typeof parts) => number,
): MethodCost {
  const found: Partial<Record<Part, number>> = {};
  for (const phase of ["train", "method", "evaluate"] as const) {
    const columns = Object.entries(parts[phase]);
    const targets = samples.map((sample) => Math.max(0, sample.seconds[phase] - known(sample, phase)));
    if (targets.every((target) => target < NOISE)) continue;
    // Relative to the run, so that a long one does not decide alone.
    const weights = samples.map(({ seconds }) => 1 / sum(Object.values(seconds)));
    const x = new Matrix(
      samples.map(({ drivers, units }, i) =>
        columns.map(([, of]) => weights[i]! * sum(drivers.map((given) => of(given, units))))
      ),
    );
    const y = targets.map((target, i) => weights[i]! * target);
    const norms = columns.map((_, column) => x.getColumnVector(column).norm() || 1);
    const scaled = fcnnlsVector(x.clone().divRowVector(norms), y, { gradientTolerance: 1e-6 }).K.to1DArray();
    const solution = scaled.map((value, column) => value / norms[column]!);
    columns.forEach(([name], column) => {
      const share = Math.max(...samples.map((_, row) => x.get(row, column) * solution[column]!));
      if (share < NOISE) return;
      found[name as Part] = (found[name as Part] ?? 0) + solution[column]!;
    });
  }
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, Number(value.toPrecision(3))]),
  );
}

/** Seconds that a method's parts predict for a phase. */
function predicted(cost: MethodCost, { drivers, units }: Sample, phase: keyof typeof parts): number {
  const { tests, deploy, trained, ...rest } = cost;
  const own = { train: { trained }, method: rest, evaluate: { tests, deploy } }[phase];
  const defined = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return totalSeconds(taskCosts([defined], drivers, units));
}

function fitMethods(samples: readonly Sample[]): Readonly<Record<string, MethodCost>> {
  const plain = Map.groupBy(samples.filter(({ head }) => head === "ncm"), ({ method }) => method);
  return Object.fromEntries(
    [...plain].sort(([a], [b]) => a < b ? -1 : 1).map(([method, own]) => [method, fit(own, () => 0)]),
  );
}

const { values: { unsteady = [] }, positionals: steady } = parseArgs({
  args: [...Deno.args],
  allowPositionals: true,
  options: { unsteady: { type: "string", multiple: true } },
});
const calm = await Promise.all(steady.map(readFolder));
const names = new Set(calm.flat().map(({ method }) => method));
const ordinary = Object.fromEntries([...names].map((name) => [name, { trained: 1 }]));
const measured = calm.flatMap((folder) => withUnits(folder, ordinary));
const first = fitMethods(measured);
const others = await Promise.all(unsteady.map(readFolder));
const samples = [...measured, ...others.flatMap((folder) => withUnits(folder, first, REACH))];
const methods = fitMethods(samples);
const headed = Map.groupBy(samples.filter(({ head }) => head !== "ncm"), ({ head }) => head);
const heads = Object.fromEntries(
  [...headed].sort(([a], [b]) => a < b ? -1 : 1).map(([head, own]) => [
    head,
    fit(
      own.filter(({ method }) => method in methods),
      (sample, phase) => predicted(methods[sample.method]!, sample, phase),
    ),
  ]),
);
const lines = (named: Readonly<Record<string, MethodCost>>) =>
  Object.entries(named).map(([name, cost]) => `    ${JSON.stringify(name)}: ${JSON.stringify(cost)}`).join(
    ",\n",
  );
await Deno.writeTextFile(
  new URL("../grid/method_costs.json", import.meta.url),
  `{\n  "methods": {\n${lines(methods)}\n  },\n  "heads": {\n${lines(heads)}\n  }\n}\n`,
);
for (const sample of samples) {
  const cost = [methods[sample.method] ?? {}, heads[sample.head] ?? {}];
  const guess = totalSeconds(taskCosts(cost, sample.drivers, sample.units));
  const taken = sum(Object.values(sample.seconds));
  if (Math.abs(guess / taken - 1) > 0.2) {
    console.error(
      `${sample.folder} ${sample.method} ${sample.head}: ${guess.toFixed(1)} s, took ${taken.toFixed(1)} s`,
    );
  }
}
