/**
 * How images find, weigh and merge adapters, against NumPy and PyTorch (`fixtures/methods/routes/make.py`).
 */
import assert from "node:assert/strict";
import { classifiers } from "../../classifiers/mod.ts";
import { hostTensor } from "../../core/tensors.ts";
import { add, broadcast, mul, narrow, reshape, softmax, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { concat as concatAdapters } from "../../merge/concat.ts";
import { composeDelta } from "../../merge/delta.ts";
import { adaptedLinear } from "../../nn/lora.ts";
import { evaluate } from "../../nn/testing.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import { predict, score } from "../../train/predict.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { createMethod } from "../mod.ts";
import { createTestEngine, createTestKit, randomStep, runMethod, testTask } from "../test_kit.ts";
import { reconstructionErrors, statistics } from "./autoencoders.ts";
import { type DamState, mergingWeights } from "./dam.ts";
import { completed, type EaseState } from "./ease.ts";
import { anchored, meanFactors, type MosState, refined } from "./mos.ts";
import { nearestTask, type RoutedState } from "./routed.ts";
import { averageZ, moduleWeights, type SemaState } from "./sema.ts";
import { entropy } from "./probabilities.ts";
import { slotsFor } from "./task_adapters.ts";
import { fuse, surest, type TunaState, universalAdapter } from "./tuna.ts";

type Nested = number | readonly Nested[];
type Case = Readonly<Record<string, Nested>>;

const numbers: Readonly<Record<"ease" | "dam" | "tuna" | "mos", Case>> & {
  readonly sema: Case & { readonly maps: unknown };
} = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/routes/numbers.json", import.meta.url)),
);

function flat(value: Nested): number[] {
  return typeof value === "number" ? [value] : value.flatMap(flat);
}

function shapeOf(value: Nested): number[] {
  return typeof value === "number" ? [] : [value.length, ...shapeOf(value[0]!)];
}

function tensor(value: Nested) {
  return hostTensor(shapeOf(value), Float32Array.from(flat(value)));
}

function list(value: Nested): readonly Nested[] {
  assert.ok(typeof value !== "number");
  return value;
}

function close(found: ArrayLike<number>, wanted: Nested, tolerance = 1e-5): void {
  const values = flat(wanted);
  assert.equal(found.length, values.length);
  values.forEach((value, i) => {
    assert.ok(
      Math.abs(found[i]! - value) <= tolerance * Math.max(1, Math.abs(value)),
      `${found[i]}, ${value}`,
    );
  });
}

/** Evaluates with the named numbers of a case as states. */
function evaluateCase(
  values: Case,
  names: readonly string[],
  build: (states: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>,
) {
  return evaluate(
    (graph) =>
      build(Object.fromEntries(names.map((name) => [name, graph.state(name, shapeOf(values[name]!))]))),
    Object.fromEntries(names.map((name) => [name, tensor(values[name]!)])),
  );
}

const really = { train: "really", taskOf: (index: number) => testTask(index, 4) } as const;

Deno.test("ease completes the prototypes of old classes in new subspaces, and scores in all of them", async () => {
  const { known, full, features, scores } = numbers.ease;
  const kit = createTestKit();
  const width = 4;
  const prototypes = list(known!).map((space) => {
    const rows = new Float32Array(kit.classes * width);
    rows.set(flat(space));
    return hostTensor([kit.classes, width], rows);
  });
  const state: EaseState = {
    tasks: { adapters: [0, 1, 2].map(() => kit.freshAdapter("any")), classes: [[0, 1], [2, 3], [4, 5]] },
    prototypes,
  };
  completed(state).forEach(({ data }, j) => {
    close(data.subarray(0, 6 * width), list(full!)[j]!);
    assert.ok(data.subarray(6 * width).every((value) => value === 0));
  });
  const engine = createTestEngine();
  const predictor = await createMethod("ease").deploy(state, kit);
  assert.equal(predictor.passes.length, 3);
  const { data } = await score(engine, predictor, list(features!).map(tensor));
  close([0, 1].flatMap((row) => [...data.subarray(row * kit.classes, row * kit.classes + 6)]), scores!);
  await engine.dispose();
});

Deno.test("ease keeps real prototypes of its own and later tasks' classes in each subspace, no others", async () => {
  const { own } = await runMethod(createMethod("ease"), { tasks: 3 });
  const { tasks, prototypes } = own[3] as EaseState;
  const kit = createTestKit();
  for (const [j, { shape, data }] of prototypes.entries()) {
    const width = shape[1]!;
    for (const label of [0, 1, 2, 3, 4, 5]) {
      const row = data.subarray(label * width, (label + 1) * width);
      const task = Math.floor(label / 2);
      if (task < j) {
        assert.ok(row.every((value) => value === 0));
        continue;
      }
      // One image a class.
      const images = imageTable(testTask(task).train, [label % 2]);
      close(row, [...(await kit.map(featurePass(tasks.adapters[j]!), images)).data]);
    }
  }
});

Deno.test("dam weighs the nearest open centroids, and merges updates for each image", async () => {
  const { dam } = numbers;
  const found = await evaluateCase(dam, ["query", "centroids", "open"], ({ query, centroids, open }) => ({
    weights: mergingWeights(query!, { centroids: centroids!, open: open! }, { top: 2, temperature: 0.3 }),
    all: mergingWeights(query!, { centroids: centroids!, open: open! }, { top: 9, temperature: 0.3 }),
  }));
  close(found["weights"]!, dam["weights"]!);
  for (const row of [0, 1, 2]) {
    const weights = found["all"]!.subarray(4 * row, 4 * row + 4);
    assert.ok(weights.subarray(0, 3).every((value) => value > 0) && weights[3] === 0);
  }
  // Two adapters of rank 2 that share a projection with gains for each image.
  const merged = await evaluateCase(dam, ["x", "w", "b", "down", "up", "weights"], (given) => {
    const branch = (i: number) => ({
      pairs: { "0.proj": { a: narrowTo(given["down"]!, i), b: narrowTo(given["up"]!, i) } },
      gain: mul(spread(given["weights"]!, i), 0.5),
    });
    const branches = [0, 1, 2].map(branch);
    return {
      y: adaptedLinear(given["x"]!, given["w"]!, given["b"]!, branches, [{ site: "0.proj", row: 0 }]),
    };
  });
  close(merged["y"]!, dam["y"]!);
});

function narrowTo(stack: Tensor, index: number) {
  return reshape(narrow(stack, 0, index, 1), stack.shape.slice(1));
}

function spread(weights: Tensor, index: number) {
  return broadcast(narrow(weights, 1, index, 1), [3, 2]);
}

Deno.test("dam's pass is, for each image, that of its own merged adapter", async () => {
  const engine = createTestEngine();
  const kit = createTestKit({ engine });
  const method = createMethod("dam:temperature=0.5,top=2");
  const run = await runMethod(method, { tasks: 3 });
  const { tasks: { adapters }, centroids } = run.own[3] as unknown as DamState;
  const images = testTask(7, 5).train;
  const bare = await kit.map(featurePass(undefined), imageTable(images));
  const { data } = await kit.map(run.predictor.passes[0]!, imageTable(images));
  const width = bare.shape[1]!;
  for (let row = 0; row < 5; row++) {
    const query = bare.data.subarray(row * width, (row + 1) * width);
    const cosines = centroids.map((centroid) =>
      dot(query, centroid) / Math.sqrt(dot(query, query) * dot(centroid, centroid))
    );
    const best = [0, 1, 2].sort((i, j) => cosines[j]! - cosines[i]!).slice(0, 2);
    const shares = best.map((i) => Math.exp(cosines[i]! / 0.5));
    const total = shares.reduce((a, b) => a + b);
    const own = concatAdapters(best.map((i) => adapters[i]!), shares.map((share) => share / total));
    const alone = await kit.map(featurePass(own), imageTable(images, [row]));
    close(data.subarray(row * width, (row + 1) * width), [...alone.data], 1e-4);
  }
  await engine.dispose();
});

function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return Array.from(x).reduce((total, value, i) => total + value * y[i]!, 0);
}

Deno.test("dam and mos start a task where the last one ended, the others from one start", async () => {
  for (
    const [spec, goesOn] of [["dam", true], ["dam:start=shared", false], ["mos", true], [
      "tuna",
      false,
    ]] as const
  ) {
    const starts: number[][] = [];
    const { trained } = await runMethod(createMethod(spec), {
      tasks: 2,
      train: randomStep(),
      onTraining: ({ start }) => void starts.push([...start.pairs["0.q"]!.a.data]),
    });
    const wanted = goesOn ? trained[0]! : createTestKit().freshAdapter("task 0");
    assert.deepEqual(starts[1], [...wanted.pairs["0.q"]!.a.data], spec);
  }
});

Deno.test("routed finds the task of the nearest class mean, and lifts its classes above all others", async () => {
  const found = await evaluate(
    (graph) => {
      const given = (name: string, shape: readonly number[]) => graph.input(name, [...shape]);
      return {
        choice: nearestTask(given("query", [3, 2]), {
          means: given("means", [4, 2]),
          seen: given("seen", [4]),
          tasks: given("tasks", [4, 2]),
        }),
      };
    },
    {},
    {
      query: Float32Array.of(1, 0.1, 0, 2, -5, 0),
      // The last class has not been seen.
      means: Float32Array.of(3, 0, 0, 1, 1, 1, -1, 0),
      seen: Float32Array.of(1, 1, 1, 0),
      tasks: Float32Array.of(1, 0, 0, 1, 0, 1, 1, 0),
    },
  );
  assert.deepEqual([...found["choice"]!], [1, 0, 0, 1, 0, 1]);

  const engine = createTestEngine();
  const kit = createTestKit({ engine, classifier: classifiers.ncm });
  const run = await runMethod(createMethod("routed"), { tasks: 3, engine, classifier: classifiers.ncm });
  const { tasks } = run.own[3] as unknown as RoutedState;
  const scores = await predict(engine, run.predictor, imageTable(testTask(1).train));
  for (const row of [0, 1]) {
    const own = scores.data.subarray(row * kit.classes, (row + 1) * kit.classes);
    // An image of task 1's training is the mean of its class.
    assert.equal(own.indexOf(Math.max(...own)), 2 + row);
    assert.ok(Math.min(own[2]!, own[3]!) > 900 && Math.max(own[0]!, own[1]!, own[4]!, own[5]!) < 100);
  }
  // The routed feature is that of the task's folded adapter.
  const output = await kit.map(run.predictor.passes[0]!, imageTable(testTask(1).train));
  const alone = await kit.map(featurePass(tasks.adapters[1]!), imageTable(testTask(1).train));
  const [columns, width] = [output.shape[1]!, alone.shape[1]!];
  for (const row of [0, 1]) {
    close(output.data.subarray(row * columns, row * columns + width), [
      ...alone.data.subarray(row * width, (row + 1) * width),
    ]);
  }
  await engine.dispose();
});

Deno.test("places for adapters double", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 8, 9, 16, 17].map(slotsFor), [2, 2, 4, 4, 8, 8, 16, 16, 32]);
});

Deno.test("tuna fuses the elected sign with the largest magnitude, and takes the probabilities of least entropy", async () => {
  const { tensors, fused, logits, entropies, surest: wanted } = numbers.tuna;
  close(fuse(list(tensors!).map(tensor)).data, fused!);
  const found = await evaluateCase({ ...numbers.tuna }, ["logits"], ({ logits: all }) => {
    const probabilities = [0, 1, 2].map((i) => softmax(narrowTo(all!, i)));
    return Object.fromEntries([
      ["surest", surest(probabilities)],
      ...probabilities.map((own, i) => [`${i}`, entropy(own)] as const),
    ]);
  });
  assert.equal(shapeOf(logits!)[0], 3);
  close([0, 1, 2].flatMap((i) => [...found[`${i}`]!]), entropies!);
  close(found["surest"]!, wanted!);
});

Deno.test("tuna scores with the surest adapter and the universal one, over classes seen", async () => {
  const engine = createTestEngine();
  const run = await runMethod(createMethod("tuna"), { tasks: 3, engine, classifier: classifiers.ncm });
  const { adapters } = run.own[3] as unknown as TunaState["tasks"];
  const universal = universalAdapter(adapters);
  assert.deepEqual(run.predictor.passes.map(({ adapter }) => adapter), [...adapters, universal]);
  for (const site of Object.keys(universal.pairs)) {
    const stacks = adapters.map(({ pairs }) => pairs[site]!);
    assert.deepEqual(universal.pairs[site], {
      a: fuse(stacks.map(({ a }) => a)),
      b: fuse(stacks.map(({ b }) => b)),
    });
  }
  const { data, shape } = await predict(engine, run.predictor, imageTable(testTask(5, 3).train));
  for (const row of [0, 1, 2]) {
    const scores = data.subarray(row * shape[1]!, (row + 1) * shape[1]!);
    // Two distributions over the six classes seen.
    assert.ok(Math.abs(scores.subarray(0, 6).reduce((a, b) => a + b) - 2) < 1e-5);
    assert.ok(scores.subarray(6).every((value) => value === 0));
  }
  await engine.dispose();
});

Deno.test("mos pulls what has an anchor after every step, as in PyTorch, and nothing else", async () => {
  const { start, earlier, target, theta, head } = numbers.mos;
  const anchor = hostTensor(
    [3],
    Float32Array.from({ length: 3 }, (_, i) => (flat(earlier!)[i]! + flat(earlier!)[3 + i]!) / 2),
  );
  const { values } = await createTestKit().fit({
    start: { theta: tensor(start!), head: tensor(start!) },
    fixed: {
      target: tensor(target!),
      "anchor.theta": anchor,
      "anchor share": hostTensor([1], Float32Array.of(0.1)),
    },
    tables: { main: { count: 1, columns: { one: hostTensor([1, 1], Float32Array.of(1)) } } },
    epochs: 3,
    schedule: { learningRate: 0.05, schedule: "constant", warmup: 0 },
    optimiser: anchored(adamw()),
    loss({ theta, head }, env) {
      const squares = (x: Tensor) => {
        const gap = sub(x, env.fixed["target"]!);
        return sum(mul(gap, gap));
      };
      const { weights } = env.rows();
      return add(add(squares(theta!), squares(head!)), mul(sum(weights), 0));
    },
  });
  close(values["theta"]!.data, theta!);
  close(values["head"]!.data, head!);
});

Deno.test("mos pulls towards the mean of all earlier adapters, from the second task on", async () => {
  const shares: number[] = [];
  const anchorsOf: (readonly number[])[] = [];
  const { trained } = await runMethod(createMethod("mos:momentum=0.3"), {
    tasks: 3,
    onTraining({ spec: { fixed } }) {
      shares.push(fixed!["anchor share"]!.data[0]!);
      anchorsOf.push([...fixed!["anchor.lora.0.q.B"]!.data]);
    },
  });
  assert.deepEqual(shares, [0, Math.fround(0.3), Math.fround(0.3)]);
  assert.deepEqual(anchorsOf[1], [...trained[0]!.pairs["0.q"]!.b.data]);
  const [first, second] = trained.map(({ pairs }) => pairs["0.q"]!.b.data);
  close(anchorsOf[2]!, [...first!].map((value, i) => (value + second![i]!) / 2));
  assert.deepEqual(meanFactors(trained.slice(0, 1)).pairs["0.q"], trained[0]!.pairs["0.q"]);
});

Deno.test("mos refines an image's task until it stays or four were tried", async () => {
  const { logits, first, tasks, final, tried } = numbers.mos;
  for (const count of [1, 2, 3, 4]) assert.ok(list(tried!).includes(count), `no image tries ${count}`);
  const values = {
    logits: logits!,
    first: list(first!).map((task) => [0, 1, 2].map((i) => i === task ? 1 : 0)),
    tasks: list(tasks!).map((task) => [0, 1, 2].map((i) => i === task ? 1 : 0)),
  };
  const found = await evaluateCase(values, ["logits", "first", "tasks"], ({ logits, first, tasks }) => ({
    final: refined(first!, [0, 1, 2].map((i) => narrowTo(logits!, i)), tasks!, 4),
    once: refined(first!, [0, 1, 2].map((i) => narrowTo(logits!, i)), tasks!, 1),
  }));
  close(found["final"]!, final!);
  const own = list(first!).map((task, image) => list(list(logits!)[task as number]!)[image]!);
  close(found["once"]!, own);
});

Deno.test("mos has the class means of the frozen feature say the first task and a word in the end", async () => {
  const engine = createTestEngine();
  const kit = createTestKit({ engine, classifier: classifiers.ncm });
  const run = await runMethod(createMethod("mos"), { tasks: 2, engine, classifier: classifiers.ncm });
  const { means } = run.own[2] as unknown as MosState;
  const bare = await kit.map(featurePass(undefined), imageTable(testTask(1).train));
  const width = bare.shape[1]!;
  close(means!.data.subarray(2 * width, 4 * width), [...bare.data]);
  const total = async (spec: string) => {
    const { predictor } = await runMethod(createMethod(spec), {
      tasks: 2,
      engine,
      classifier: classifiers.ncm,
    });
    const { data } = await predict(engine, predictor, imageTable(testTask(5, 1).train));
    return data.reduce((a, b) => a + b);
  };
  assert.ok(Math.abs(await total("mos") - 2) < 1e-5);
  assert.ok(Math.abs(await total("mos:ensemble=false") - 1) < 1e-5);
  await engine.dispose();
});

Deno.test("sema's z, errors and router weights are NumPy's", async () => {
  const { own, other, mean, deviation, z, reads, errors, weights } = numbers.sema;
  const found = statistics(flat(own!));
  close([found.mean, found.deviation], [mean as number, deviation as number]);
  assert.equal(found.count, 9);
  close([averageZ(flat(other!), found)], [z!]);
  assert.equal(averageZ([5, 6], statistics([1, 2])), 0);

  const maps = (numbers.sema.maps as readonly Case[]).flatMap((own, block) =>
    Object.entries(own).map(([name, value]) => [`${name} of ${block}`, value] as const)
  );
  const values = { ...Object.fromEntries(maps), reads: reads! };
  const reconstructed = await evaluateCase(values, Object.keys(values), ({ reads, ...maps }) => ({
    errors: reconstructionErrors(reads!, maps, 2),
  }));
  const columns = list(errors!).map(flat);
  close(reconstructed["errors"]!, [0, 1, 2].flatMap((row) => columns.map((column) => column[row]!)));

  const router = await evaluateCase(numbers.sema, ["read", "rows", "biases", "open"], (given) => ({
    weights: moduleWeights(given["read"]!, given["rows"]!, given["biases"]!, given["open"]!),
  }));
  close(router["weights"]!, weights!);
});

Deno.test("sema expands above its threshold, trains new modules alone, and none where nothing is new", async () => {
  const after = async (spec: string) => {
    const { own, states } = await runMethod(createMethod(spec), {
      ...really,
      tasks: 3,
      classifier: classifiers.linear,
    });
    const counts = own.slice(1).map((state) =>
      (state as unknown as SemaState).blocks.map(({ length }) => length)
    );
    return { counts, own: own as unknown as readonly SemaState[], states };
  };
  const calm = await after("sema:threshold=1e9");
  assert.deepEqual(calm.counts, [[1, 1], [1, 1], [1, 1]]);
  assert.deepEqual(calm.own[3]!.blocks, calm.own[1]!.blocks);
  assert.notDeepEqual(calm.states[3], calm.states[1]);
  const eager = await after("sema:threshold=0,slots=2");
  assert.deepEqual(eager.counts, [[1, 1], [2, 2], [2, 2]]);
  for (const block of [0, 1]) {
    assert.deepEqual(eager.own[3]!.blocks[block], eager.own[2]!.blocks[block]);
    assert.deepEqual(eager.own[2]!.blocks[block]![0], eager.own[1]!.blocks[block]![0]);
  }
  const { blocks: [modules] } = eager.own[2]!;
  for (const { pairs, code } of modules!) {
    assert.ok(Object.keys(pairs).every((site) => site.startsWith("0.")));
    assert.equal(code.errors.count, 4);
  }
  assert.notDeepEqual(modules![0]!.pairs, modules![1]!.pairs);
});

Deno.test("sema's first module is naive's adapter: alone, it has all the weight", async () => {
  const naive = await runMethod(createMethod("naive"), { ...really, tasks: 1 });
  for (const spec of ["sema", "sema:blocks=1"]) {
    const { own } = await runMethod(createMethod(spec), { ...really, tasks: 1 });
    const { base, blocks } = own[1] as unknown as SemaState;
    for (const { pairs } of blocks.map((modules) => modules[0]!)) {
      for (const site of Object.keys(pairs)) {
        const module = { scale: naive.deployed!.scale, importance: 1, pairs };
        close(composeDelta(module, site), [...composeDelta(naive.deployed!, site)], 1e-4);
      }
    }
    close(composeDelta(base!, "0.q"), [...composeDelta(naive.deployed!, "0.q")], 1e-4);
  }
});
