import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { createRng } from "../../core/rng.ts";
import { composeDelta } from "../../merge/delta.ts";
import { deltaError } from "../../merge/test_adapters.ts";
import { createMethod } from "../mod.ts";
import type { Fit, Kit } from "../method.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";
import { createTestKit, runMethod, testTask, tinyLora } from "../test_kit.ts";
import { principal } from "./principal.ts";
import type { ShareState } from "./share.ts";

type Rows = number[][];

const { share: expected }: {
  share: {
    basis: Rows;
    earlier: Rows[];
    own: Rows;
    beside: Rows;
    cases: { centre: "keep" | "drop" | "none"; beside: boolean; projector: Rows; rebuilt: Rows[] }[];
  };
} = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/hierarchy/expected.json", import.meta.url)),
);

const distance = (x: Matrix, y: Matrix) => Matrix.sub(x, y).norm();

Deno.test("principal() finds the basis and the loadings that NumPy finds", () => {
  for (const { centre, beside, projector, rebuilt } of expected.cases) {
    const { basis, loadings } = principal({
      basis: new Matrix(expected.basis),
      earlier: expected.earlier.map((rows) => new Matrix(rows)),
      columns: { own: new Matrix(expected.own), ...(beside && { beside: new Matrix(expected.beside) }) },
      components: 3,
      centre,
    }, createRng(0, "fill"));
    assert.ok(distance(basis.mmul(basis.transpose()), new Matrix(projector)) < 1e-9, `${centre} ${beside}`);
    loadings.forEach((loading, i) =>
      assert.ok(distance(basis.mmul(loading), new Matrix(rebuilt[i]!)) < 1e-9)
    );
    assert.equal(loadings.length, 3);
  }
});

Deno.test("principal() fills a basis up with directions that are orthogonal and load nothing", () => {
  const own = new Matrix(expected.own);
  const { basis, loadings } = principal(
    { earlier: [], columns: { own }, components: 5, centre: "keep" },
    createRng(0, "fill"),
  );
  assert.deepEqual([basis.rows, basis.columns], [7, 5]);
  assert.ok(distance(basis.transpose().mmul(basis), Matrix.eye(5)) < 1e-9);
  assert.ok(distance(basis.mmul(loadings[0]!), own) < 1e-9);
  assert.ok(loadings[0]!.subMatrix(2, 4, 0, 1).norm() < 1e-9);
  const zero = principal(
    { earlier: [], columns: { own: Matrix.zeros(4, 2) }, components: 32, centre: "keep" },
    createRng(0, "fill"),
  );
  assert.ok(distance(zero.basis.transpose().mmul(zero.basis), Matrix.eye(4)) < 1e-9);
});

Deno.test("share loses nothing of the first task, unless the mean is dropped", async () => {
  const { deployed, trained } = await runMethod(createMethod("share"), { tasks: 1 });
  assert.ok(deltaError(deployed!, (site) => composeDelta(trained[0]!, site)) < 1e-5);
  const dropped = await runMethod(createMethod("share:centre=drop,components=1"), { tasks: 1 });
  assert.ok(deltaError(dropped.deployed!, (site) => composeDelta(trained[0]!, site)) > 0.05);
});

Deno.test("share keeps what temporary directions learned, or lets it shape the bases alone", async () => {
  const off = async (options: string) => {
    const method = createMethod(`share:components=8,${options}`);
    const { deployed, trained } = await runMethod(method, { tasks: 2, train: "really" });
    return deltaError(deployed!, (site) => composeDelta(trained[1]!, site));
  };
  assert.ok(await off("gain=keep") < 1e-4);
  assert.ok(await off("gain=drop") > 1e-3);
});

Deno.test("share starts a task where the last one ended, on frozen bases", async () => {
  const method = createMethod("share:components=5");
  const first = await method.learn(method.init(createTestKit()), testTask(0), createTestKit());
  const before = (await method.deploy(first, createTestKit())).merged!.adapter!;
  const specs: Fit[] = [];
  const kit = createTestKit({ task: 1 });
  const fit: Kit["fit"] = (spec) => {
    specs.push(spec);
    return Promise.resolve({ values: spec.start, losses: [], slots: [] });
  };
  const second = await method.learn(first, testTask(1), { ...kit, fit });
  const { start, fixed } = specs[0]!;
  const wanted = (site: string) => {
    const of = (part: string) =>
      matrixOf((start[`share.${site}.${part}`] ?? fixed![`share.${site}.${part}`])!);
    assert.ok(of("uA").norm() > 0 && of("uB").norm() > 0);
    const a = Matrix.add(of("lA").mmul(of("alpha")), of("vA").mmul(of("uA")));
    const b = Matrix.add(of("beta").mmul(of("lB")), of("uB").mmul(of("vB")));
    return b.mmul(a).mul(tinyLora.scale).to1DArray();
  };
  assert.ok(deltaError(before, wanted) < 1e-5);
  const { merged } = await method.deploy(second, kit);
  assert.ok(deltaError(merged!.adapter!, (site) => composeDelta(before, site)) < 1e-5);
});

Deno.test("share deploys the last task's update, or the mean or sum of all", async () => {
  const run = (deploy: string) =>
    runMethod(createMethod(`share:components=8,deploy=${deploy}`), { tasks: 3, train: "really" });
  const { deployed: mean } = await run("mean");
  const { deployed: sum, own } = await run("sum");
  assert.ok(deltaError(sum!, (site) => composeDelta(mean!, site).map((value) => 3 * value)) < 1e-5);
  const { loadings, bases } = own.at(-1) as ShareState;
  const wanted = (site: string) => {
    const [α, β] = [matrixOf(bases![site]!.a), matrixOf(bases![site]!.b)];
    const total = loadings.map((pairs) =>
      β.mmul(matrixOf(pairs[site]!.b)).mmul(matrixOf(pairs[site]!.a)).mmul(α)
    ).reduce((x, y) => Matrix.add(x, y));
    return total.mul(tinyLora.scale / 3).to1DArray();
  };
  assert.ok(deltaError(mean!, wanted) < 1e-5);
});
