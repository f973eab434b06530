import assert from "node:assert/strict";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { composeDelta } from "../../merge/delta.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import { type Adapter, adapterToTensors } from "../../nn/adapter.ts";
import type { Columns } from "../../train/table.ts";
import { fisherInformation } from "../fisher.ts";
import { createMethod } from "../mod.ts";
import { factorsOf } from "../pieces/tensors.ts";
import { createTestKit, randomStep, runMethod, testTask } from "../test_kit.ts";
import { fisherMean } from "./coma.ts";
import { combine, type Entries, entriesOf, weightsOf } from "./factor_means.ts";
import { mergeWeight, stretch } from "./p_and_m.ts";
import { orthonormalStart } from "./slao.ts";
import { assertClose, assertDelta, expected, givenAdapters, runGiven } from "./test_expected.ts";

const entries = (values: readonly number[]): Entries => ({ x: Float64Array.from(values) });
const tensors = (values: readonly number[]): NamedTensors => ({
  x: hostTensor([values.length], Float32Array.from(values)),
});

/** The Fisher information of each task of a run, by the adapter that it trained. */
function fishersOf(run: Awaited<ReturnType<typeof runMethod>>): Promise<NamedTensors[]> {
  return Promise.all(run.trained.map((adapter, index) => {
    const { classifier } = run.states[index + 1] as unknown as { readonly classifier: NamedTensors };
    const kit = createTestKit({ task: index });
    return fisherInformation(
      kit,
      testTask(index),
      adapter,
      { policy: kit.classifier, state: classifier },
      256,
    );
  }));
}

/** Checks the factors of an adapter, not only their product. */
function assertFactors(found: Adapter | undefined, wanted: Entries, what: string): void {
  for (const [name, { data }] of Object.entries(factorsOf(found!))) {
    assertClose(data, wanted[name]!, 1e-6, `${what}: ${name}`);
  }
}

Deno.test("fisherMean() is NumPy's minimum of the weighted distances, and CoMA's mean of equal weights", () => {
  const { theta, fisher, cofima, coma } = expected.means;
  const weights = fisher.map((values) => weightsOf(tensors(values), 0.01));
  const found = fisherMean(entries(theta[0]!), weights[0]!, entries(theta[1]!), weights[1]!, 0.4);
  assertClose(found["x"]!, cofima, 1e-6, "CoFiMA");
  const ones = entries(theta[0]!.map(() => 1));
  assertClose(fisherMean(entries(theta[0]!), ones, entries(theta[1]!), ones, 0.4)["x"]!, coma, 1e-10, "CoMA");
});

Deno.test("fisher-average's quotient of sums is NumPy's weighted average", () => {
  const { theta, fisher, average } = expected.means;
  const weights = fisher.map((values) => weightsOf(tensors(values), 0.01));
  const plus = (values: readonly Entries[]) => values.reduce((x, y) => combine([x, y], (a, b) => a! + b!));
  const moments = plus(weights.map((weight, t) => combine([weight, entries(theta[t]!)], (w, x) => w! * x!)));
  assertClose(combine([moments, plus(weights)], (m, w) => m! / w!)["x"]!, average, 1e-6, "average");
});

Deno.test("coma moves 0.4 of the way from the merged adapter, which later tasks start from", async () => {
  const starts: Adapter[] = [];
  const { trained, deployed } = await runMethod(createMethod("coma"), {
    tasks: 3,
    train: randomStep(),
    onTraining: ({ start }) => void starts.push(start),
  });
  const step = (from: Entries, to: Entries) => combine([from, to], (x, y) => 0.6 * x! + 0.4 * y!);
  const [one, two, three] = trained.map(entriesOf) as [Entries, Entries, Entries];
  assertFactors(starts[1], one, "start of task 1");
  assertFactors(starts[2], step(one, two), "start of task 2");
  assertFactors(deployed, step(step(one, two), three), "coma");
});

Deno.test("cofima weighs by the Fisher information of the last task, or of all", async () => {
  for (const information of ["last", "sum"]) {
    const run = await runMethod(createMethod(`cofima:information=${information},lambda=0.3,floor=0.1`), {
      tasks: 3,
    });
    const [f1, f2, f3] = (await fishersOf(run)).map((fisher) => weightsOf(fisher, 0.1)) as [
      Entries,
      Entries,
      Entries,
    ];
    const [one, two, three] = run.trained.map(entriesOf) as [Entries, Entries, Entries];
    const middle = fisherMean(one, f1, two, f2, 0.3);
    const before = information === "last" ? f2 : combine([f1, f2], (x, y) => x! + y!);
    assertFactors(run.deployed, fisherMean(middle, before, three, f3, 0.3), information);
    const plain = combine([middle, three], (x, y) => 0.7 * x! + 0.3 * y!);
    assert.throws(() => assertFactors(run.deployed, plain, "as coma"));
  }
});

Deno.test("fisher-average deploys Σ F θ / Σ F of tasks from one start", async () => {
  const run = await runMethod(createMethod("fisher-average:floor=0.05"), { tasks: 3 });
  const weights = (await fishersOf(run)).map((fisher) => weightsOf(fisher, 0.05));
  const wanted = combine(
    [...weights, ...run.trained.map(entriesOf)],
    (f1, f2, f3, x1, x2, x3) => (f1! * x1! + f2! * x2! + f3! * x3!) / (f1! + f2! + f3!),
  );
  assertFactors(run.deployed, wanted, "fisher-average");
});

Deno.test("mergeWeight() is the vertex of the parabola that NumPy fits to the tasks' losses", () => {
  const { theta, fisher, before, alpha } = expected.mergeWeight;
  const plus = (values: readonly (readonly number[])[]) =>
    entries(before.map((_, i) => values.reduce((sum, row) => sum + row[i]!, 0)));
  const sums = {
    fishers: plus(fisher),
    moments: plus(fisher.map((row, t) => row.map((value, i) => value * theta[t]![i]!))),
  };
  assertClose([mergeWeight(entries(before), entries(theta[2]!), sums)], [alpha], 1e-9, "α");
  // Past what was trained, before where it began, and without information.
  const far = entries(before.map((value, i) => value + 0.01 * (theta[2]![i]! - value)));
  assert.equal(mergeWeight(entries(before), far, sums), 1);
  const away = entries(before.map((value, i) => value - 0.01 * (theta[2]![i]! - value)));
  assert.equal(mergeWeight(entries(before), away, sums), 0);
  const none = entries(before.map(() => 0));
  assert.equal(mergeWeight(entries(before), entries(theta[2]!), { fishers: none, moments: none }), 1);
});

Deno.test("p-and-m adds the share α of what a task changed, from running sums", async () => {
  const run = await runMethod(createMethod("p-and-m"), { tasks: 3 });
  const fishers = await fishersOf(run);
  const trained = run.trained.map(entriesOf);
  let merged = trained[0]!;
  for (const t of [1, 2]) {
    const delta = combine([trained[t]!, merged], (x, y) => x! - y!);
    let [above, under] = [0, 0];
    for (let i = 0; i <= t; i++) {
      for (const [name, { data }] of Object.entries(fishers[i]!)) {
        data.forEach((value, k) => {
          const change = delta[name]![k]!;
          above -= (merged[name]![k]! - trained[i]![name]![k]!) * value * change;
          under += change * value * change;
        });
      }
    }
    const alpha = Math.min(1, Math.max(0, above / under));
    const { alpha: found } = run.own[t + 1] as { readonly alpha: number };
    assertClose([found], [alpha], 1e-5, `α of task ${t}`);
    merged = combine([merged, delta], (x, change) => x! + found * change!);
  }
  assertFactors(run.deployed, merged, "p-and-m");
});

Deno.test("p-and-m takes the loss at a stretched update: 1, 1 + ε or 1 - ε, one for a step", async () => {
  const seen: number[][] = [];
  await runMethod(createMethod("p-and-m:epsilon=0.25"), {
    tasks: 2,
    train: randomStep(),
    onTraining({ spec: { tables } }) {
      const factor = tables["stretch"]!.columns!["factor"]!;
      seen.push([...(factor as { readonly data: Float32Array }).data]);
    },
  });
  assert.deepEqual(seen, [[1, 1.25, 0.75], [1, 1.25, 0.75]]);

  const [from, to] = givenAdapters as [Adapter, Adapter];
  const edit = stretch(from, 0.25);
  const values = adapterToTensors(to);
  const program = trace((graph) => {
    const inputs = (prefix: string, given: NamedTensors): Record<string, Tensor> =>
      Object.fromEntries(
        Object.entries(given).map(([name, { shape }]) => [name, graph.input(`${prefix}${name}`, shape)]),
      );
    const factor = graph.input("factor", [4]);
    const env = {
      graph,
      fixed: {},
      rows: () => ({ factor }) as unknown as Columns,
      encode: () => assert.fail("no images are needed"),
    };
    const built = edit.build({ env, adapter: inputs("to.", values), tensors: inputs("from.", edit.tensors) });
    for (const [name, tensor] of Object.entries(built)) graph.output(name, tensor);
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const prefix = (given: NamedTensors, before: string) =>
    Object.fromEntries(Object.entries(given).map(([name, { data }]) => [before + name, data]));
  const feeds = {
    ...prefix(values, "to."),
    ...prefix(edit.tensors, "from."),
    factor: Float32Array.of(1.25, 9, 9, 9),
  };
  const outputs = await executable.run(feeds, Object.keys(program.outputs));
  const wanted = combine([entriesOf(from), entriesOf(to)], (x, y) => x! + 1.25 * (y! - x!));
  for (const [name, values] of Object.entries(wanted)) assertClose(outputs[name]!, values, 1e-6, name);
  assert.equal(outputs["lora.importance"]![0], 1);
});

Deno.test("p-and-m trains otherwise than coma does, and with ε = 0 as it does", async () => {
  const train = async (spec: string) =>
    (await runMethod(createMethod(spec), { tasks: 1, train: "really", epochs: 4 })).trained[0]!;
  const plain = await train("coma");
  assert.ok(deltaError(await train("p-and-m:epsilon=0"), (site) => composeDelta(plain, site)) < 1e-4);
  assert.ok(deltaError(await train("p-and-m"), (site) => composeDelta(plain, site)) > 1e-3);
});

Deno.test("slao starts from NumPy's orthonormal rows and merges B by 1/√t", async () => {
  const starts: Adapter[] = [];
  const { deployed } = await runMethod(createMethod("slao"), {
    tasks: 4,
    train({ start }, { index }) {
      starts.push(start);
      return givenAdapters[index]!;
    },
  });
  expected.slao.starts.forEach((wanted, i) => {
    for (const [site, rows] of Object.entries(wanted)) {
      const { a, b } = starts[i + 1]!.pairs[site]!;
      assertClose(a.data, rows, 1e-6, `A of task ${i + 1} at ${site}`);
      assert.deepEqual(b, givenAdapters[i]!.pairs[site]!.b);
    }
  });
  assertDelta(deployed, expected.slao.delta, "slao");
  const merged = await runGiven("slao:startB=merged", 4);
  assertDelta(merged.deployed, expected.slao.delta, "slao from the merged B");
});

Deno.test("orthonormalStart() has orthonormal rows that span what A spanned", () => {
  const { pairs } = orthonormalStart(givenAdapters[0]!);
  for (const { a } of Object.values(pairs)) {
    const [rank, inputs] = a.shape as [number, number];
    const dot = (i: number, j: number) => {
      let total = 0;
      for (let k = 0; k < inputs; k++) total += a.data[i * inputs + k]! * a.data[j * inputs + k]!;
      return total;
    };
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j < rank; j++) assert.ok(Math.abs(dot(i, j) - (i === j ? 1 : 0)) < 1e-6);
    }
  }
});

Deno.test("means of factors are not means of updates", async () => {
  const { deployed, trained } = await runMethod(createMethod("coma:start=shared,lambda=0.5"), { tasks: 2 });
  const mean = (site: string) => weightedDelta(trained, [0.5, 0.5], site);
  assert.ok(deltaError(deployed!, mean) > 1e-3);
});
