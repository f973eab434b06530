/**
 * The manifests of other engines, held against those engines' own schemas, and their scripts run by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Job } from "npm:kubernetes-models@5.1.0/batch/v1/Job";
import { PersistentVolumeClaim } from "npm:kubernetes-models@5.1.0/v1/PersistentVolumeClaim";
import { parse, parseAllDocuments } from "npm:yaml@2.9.1";
import { board } from "../commands/board.ts";
import { hashesIn, run } from "../commands/test_bench.ts";
import { callCommand, exists, inFolder, writeSuite } from "../test_kit.ts";

const root = new URL("../../", import.meta.url);
const manifest = new URL("./kubernetes/bench.yaml", import.meta.url);
const workflow = new URL("./github/bench.yml", import.meta.url);

/** Runs deno with this project's settings. */
async function deno(...args: string[]) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

/** Runs a script of a manifest as its engine does, with this deno first in the path. */
async function runScript(
  script: string,
  folder: string,
  env: Record<string, string>,
  args: readonly string[] = [],
) {
  const bin = Deno.execPath().replace(/\/[^/]*$/, "");
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-e", "-o", "pipefail", "-c", script, ...args],
    cwd: folder,
    env: { ...env, PATH: `${bin}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** What a checkout holds, by links. */
async function checkOut(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["bench", "src", "mod.ts", "deno.json", "deno.lock"]) {
    if (await exists(`${folder}/${name}`)) continue;
    await Deno.symlink(new URL(name, root), `${folder}/${name}`);
  }
}

/** The documents of the Kubernetes manifest. */
async function documents() {
  const [claim, job, ...others] = parseAllDocuments(await Deno.readTextFile(manifest)).map((one) =>
    one.toJS()
  );
  assert.deepEqual(others, []);
  return { claim, job };
}

Deno.test("the Kubernetes manifest is valid by the schemas of Kubernetes, and a broken one is not", async () => {
  const { claim, job } = await documents();
  new PersistentVolumeClaim(claim).validate();
  new Job(job).validate();
  const { template: _, ...noTemplate } = job.spec;
  const { metadata: __, ...noKind } = job;
  for (
    const [broken, wanted] of [
      [{ ...job, spec: { ...job.spec, completions: "8" } }, /completions must be integer/],
      [{ ...job, spec: noTemplate }, /must have required property template/],
      [{ ...noKind, kind: "Pod" }, /kind must be equal to one of the allowed values/],
    ] as const
  ) {
    assert.throws(() => new Job(broken).validate(), wanted);
  }
});

Deno.test("the Kubernetes manifest has no field that Kubernetes does not know", () =>
  inFolder(async (folder) => {
    const { claim, job } = await documents();
    const unknown = { ...job, spec: { ...job.spec, completionsMode: "Indexed" } };
    await Deno.writeTextFile(
      `${folder}/typed.ts`,
      `import type { IJob } from "npm:kubernetes-models@5.1.0/batch/v1/Job";
       import type { IPersistentVolumeClaim } from "npm:kubernetes-models@5.1.0/v1/PersistentVolumeClaim";
       export const claim: IPersistentVolumeClaim = ${JSON.stringify(claim)};
       export const job: IJob = ${JSON.stringify(job)};
       // @ts-expect-error: a field that is in no schema
       export const unknown: IJob = ${JSON.stringify(unknown)};`,
    );
    const settings = ["--quiet", "--no-lock", "--config", new URL("deno.json", root).pathname];
    const { code, err } = await deno("check", ...settings, `${folder}/typed.ts`);
    assert.equal(code, 0, err);
  }));

Deno.test("the pods of the Kubernetes manifest run every shard once, each into the volume that it mounts", () =>
  inFolder(async (folder) => {
    const { claim, job } = await documents();
    const { containers, volumes } = job.spec.template.spec;
    const [{ command, args, env, volumeMounts }] = containers;
    const [{ name: variable, value: shards }] = env;
    assert.deepEqual([variable, shards], ["SHARDS", String(job.spec.completions)]);
    const mounted = volumes.find(({ name }: { name: string }) => name === volumeMounts[0].name);
    assert.equal(mounted.persistentVolumeClaim.claimName, claim.metadata.name);
    const [shell, option, script, name] = command;
    assert.deepEqual([shell, option, args[0]], ["sh", "-c", "--suite"]);

    const suite = await writeSuite(folder, { seeds: [0, 1, 2] });
    const inside = `cd ${root.pathname} && ${script.replace(volumeMounts[0].mountPath, `${folder}/pods`)}`;
    for (const index of ["0", "1"]) {
      const variables = { JOB_COMPLETION_INDEX: index, SHARDS: "2" };
      await runScript(inside, folder, variables, [name, "--suite", suite, "--jobs", "1"]);
    }
    assert.equal((await run("--suite", suite, "--out", `${folder}/alone`)).code, 0);
    assert.deepEqual(await hashesIn(`${folder}/pods`), await hashesIn(`${folder}/alone`));
  }));

Deno.test("workflows are valid by GitHub's own checker, and broken ones are not", () =>
  inFolder(async (folder) => {
    const entry = new URL("./test_github.ts", import.meta.url).pathname;
    const bundled = await deno(
      "bundle",
      "--quiet",
      "--platform",
      "deno",
      "--output",
      `${folder}/checker.js`,
      entry,
    );
    assert.equal(bundled.code, 0, bundled.err);
    const { validate, TextDocument } = await import(`file://${folder}/checker.js`);
    let documents = 0;
    const problems = async (text: string): Promise<string[]> => {
      // It knows workflows by their path, and remembers them by it.
      const uri = `file:///.github/workflows/${documents++}.yml`;
      const found = await validate(TextDocument.create(uri, "yaml", 1, text), {});
      return found.map(({ message }: { message: string }) => message);
    };
    const texts = [await Deno.readTextFile(workflow)];
    for await (const { name } of Deno.readDir(new URL(".github/workflows/", root))) {
      texts.push(await Deno.readTextFile(new URL(`.github/workflows/${name}`, root)));
    }
    for (const text of texts) assert.deepEqual(await problems(text), []);
    const [text] = texts;
    for (
      const [right, wrong, wanted] of [
        ["runs-on", "run-on", "Unexpected value 'run-on'"],
        ["needs: plan", "needs: plans", "Job 'shard' depends on unknown job 'plans'."],
        ["matrix.shard", "matrx.shard", "Unrecognized named-value: 'matrx'"],
        ["inputs.shards", "inputs.shard", "Context access might be invalid: shard"],
        ["steps.shards.outputs", "steps.shard.outputs", "Context access might be invalid: shard"],
      ] as const
    ) {
      const broken = text!.replace(right, wrong);
      assert.notEqual(broken, text);
      assert.ok((await problems(broken)).includes(wanted), `${wrong}: ${await problems(broken)}`);
    }
  }));

interface Step {
  readonly name?: string;
  readonly run?: string;
}

Deno.test("the steps of the workflow, run one after another, give the leaderboard of one run", () =>
  inFolder(async (folder) => {
    const { jobs } = parse(await Deno.readTextFile(workflow)) as {
      readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>>;
    };
    const scriptOf = (job: string) => jobs[job]!.steps.flatMap(({ run }) => run ?? []).join("\n");
    const suite = await writeSuite(folder, { seeds: [0, 1, 2] });
    const inputs = { ARGUMENTS: `--suite ${suite} --jobs 1`, SHARDS: "2" };
    await runScript(scriptOf("plan"), folder, { ...inputs, GITHUB_OUTPUT: `${folder}/output` });
    const output = await Deno.readTextFile(`${folder}/output`);
    assert.equal(output, "list=[1,2]\n");
    const whole = ["--suite", suite, "--out", `${folder}/alone`];
    assert.equal((await run(...whole)).code, 0);
    const [hashes, parts]: [Record<string, string | undefined>[], string[]] = [[], []];
    for (const SHARD of JSON.parse(output.slice("list=".length)).map(String)) {
      await checkOut(`${folder}/runner-${SHARD}`);
      await runScript(scriptOf("shard"), `${folder}/runner-${SHARD}`, { ...inputs, SHARD });
      await checkOut(`${folder}/board`);
      const part = `${folder}/board/parts/records-${SHARD}`;
      await Deno.mkdir(`${folder}/board/parts`, { recursive: true });
      hashes.push(await hashesIn(`${folder}/runner-${SHARD}/out`));
      parts.push(part);
      await Deno.rename(`${folder}/runner-${SHARD}/out/records`, part);
    }
    await runScript(scriptOf("board"), `${folder}/board`, inputs);
    const { code, err } = await callCommand(board, ["--in", parts.join(","), "--out", `${folder}/alone`]);
    assert.equal(code, 0, err);
    const table = (name: string) => Deno.readTextFile(`${folder}/${name}/LEADERBOARD.md`);
    assert.equal(await table("board/board"), await table("alone"));
    assert.deepEqual(Object.assign({}, ...hashes), await hashesIn(`${folder}/alone`));
  }));
