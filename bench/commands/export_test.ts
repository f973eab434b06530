import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { loadDataset } from "../../src/data/mod.ts";
import {
  decodeAdapterFile,
  type KeptAdapter,
  loadBackbone,
  loadPeft,
  mergeAdapter,
} from "../../src/formats/mod.ts";
import { type Backbone } from "../../src/nn/mod.ts";
import { parseCurrent, pooledAccuracy, type RunRecord } from "../../src/protocol/mod.ts";
import { bench } from "./bench.ts";
import { exportCommand } from "./export.ts";
import { callCommand, exists, inFolder, writeSuite } from "../test_kit.ts";

const DATA = "procedural:classes=4,trainPerClass=4,testPerClass=3,size=8";

const call = (...args: string[]) => callCommand(exportCommand, args);

/** A run of tiny cells that kept its adapters. */
interface Run {
  /** The folder around it, with the backbone. */
  readonly folder: string;
  readonly out: string;
  readonly backbone: string;
}

function withRun(methods: readonly string[], flags: readonly string[], test: (run: Run) => Promise<void>) {
  return inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods, data: DATA, backend: "onnx" });
    const out = `${folder}/out`;
    const { code, err } = await callCommand(bench, ["--suite", suite, "--out", out, "--jobs", "1", ...flags]);
    assert.equal(code, 0, err);
    await test({ folder, out, backbone: `${folder}/tiny.safetensors` });
  });
}

/** The record of a method's only cell and its name. */
async function cellOf(out: string, method: string): Promise<{ cell: string; record: RunRecord }> {
  for await (const { name } of Deno.readDir(`${out}/records`)) {
    if (!name.startsWith(`${method}-`)) continue;
    return {
      cell: name.replace(/\.jsonl$/, ""),
      record: parseCurrent(await Deno.readTextFile(`${out}/records/${name}`), name),
    };
  }
  throw new Error(`no record of ${method}`);
}

async function keptOf(out: string, cell: string, name: string): Promise<KeptAdapter> {
  const path = `${out}/adapters/${cell}/${name}.safetensors`;
  return decodeAdapterFile(await Deno.readFile(path), path);
}

/** Accuracy of an exported model on the test images, fed as the exported files say. */
async function accuracyOf(path: string, { pixels, config }: Backbone, card: string): Promise<number> {
  const { classNames } = JSON.parse(card).about as { classNames: string[] };
  const { classNames: all, test: { images, labels, count } } = await loadDataset(DATA);
  const area = config.image ** 2;
  const values = Float32Array.from(images, (byte, i) => {
    const channel = Math.floor(i / area) % config.channels;
    return (byte / 255 - pixels.mean[channel]!) / pixels.std[channel]!;
  });
  const session = await InferenceSession.create(path);
  const input = new Tensor("float32", values, [count, config.channels, config.image, config.image]);
  const logits = (await session.run({ images: input }))["logits"]!.data as Float32Array;
  await session.release();
  const isRight = Array.from(labels, (label, i) => {
    const row = logits.subarray(i * classNames.length, (i + 1) * classNames.length);
    return classNames[row.indexOf(Math.max(...row))] === all[label];
  });
  return isRight.filter(Boolean).length / count;
}

Deno.test("export brings a run to every format, and each gives the kept adapters and scores back", () =>
  withRun(["naive", "simplecil"], ["--keep-adapters"], async ({ folder, out, backbone }) => {
    const base = await loadBackbone(backbone);
    const { cell, record } = await cellOf(out, "naive");
    const bare = (await cellOf(out, "simplecil")).cell;
    const path = `${out}/records/${cell}.jsonl`;

    const peft = await call(out, "--format", "peft", "--backbone", backbone);
    assert.equal(peft.code, 0, peft.err);
    assert.equal(peft.err, `${bare}/deployed: the bare backbone is deployed, which has no adapter\n`);
    assert.deepEqual(
      peft.out.trimEnd().split("\n"),
      ["task-000", "task-001", "deployed"].flatMap((name) =>
        ["adapter_model.safetensors", "adapter_config.json"].map((file) =>
          `${out}/exports/${cell}/${name}/${file}`
        )
      ),
    );
    for (const name of ["task-000", "task-001", "deployed"]) {
      const { adapter } = await loadPeft(`${out}/exports/${cell}/${name}`);
      assert.deepEqual(adapter, (await keptOf(out, cell, name)).adapter);
    }

    const { pixels, config } = base;
    for (const one of [cell, bare]) {
      const kept = await keptOf(out, one, "deployed");
      const merged = mergeAdapter(base, kept).backbone;
      for (const format of ["onnx", "safetensors"]) {
        const { code, err } = await call(
          `${out}/records/${one}.jsonl`,
          ...["--format", format, "--backbone", backbone, "--out", `${folder}/${format}`],
        );
        assert.deepEqual([code, err], [0, ""]);
        const loaded = await loadBackbone(`${folder}/${format}/${one}/deployed.${format}`);
        assert.equal(loaded.hash, merged.hash);
        assert.deepEqual([loaded.pixels, loaded.config], [pixels, config]);
      }
      const { tasks } = (await cellOf(out, one.split("-")[0]!)).record;
      const images = tasks.map(({ images }) => images.test);
      const model = `${folder}/onnx/${one}/deployed.onnx`;
      const card = await Deno.readTextFile(`${folder}/safetensors/${one}/deployed.json`);
      const found = await accuracyOf(model, await loadBackbone(model), card);
      const wanted = pooledAccuracy({ hits: [tasks.at(-1)!.evaluation!.classIncremental], images })!;
      assert.ok(Math.abs(found - wanted) < 1e-9, `${one}: ${found}, the record says ${wanted}`);
    }
    assert.equal(record.tasks.length, 2);

    // An adapter of PEFT's is a source too.
    const again = await call(
      `${out}/exports/${cell}/deployed/`,
      ...["--format", "safetensors", "--backbone", backbone, "--out", `${folder}/again`],
    );
    assert.equal(again.code, 0, again.err);
    assert.equal(again.out, `${folder}/again/deployed.json\n${folder}/again/deployed.safetensors\n`);
    assert.equal(
      (await loadBackbone(`${folder}/again/deployed.safetensors`)).hash,
      (await loadBackbone(`${folder}/safetensors/${cell}/deployed.safetensors`)).hash,
    );
    const timm = await call(
      path,
      ...["--format", "peft", "--naming", "timm", "--backbone", backbone, "--out", `${folder}/timm`],
    );
    assert.equal(timm.code, 0, timm.err);
    const written = await Deno.readTextFile(`${folder}/timm/${cell}/deployed/adapter_config.json`);
    assert.deepEqual(JSON.parse(written).target_modules, ["attn.qkv"]);
  }));

Deno.test("export finds the run of a record, and the name of an adapter, from within their folders", () =>
  withRun(["naive"], ["--keep-adapters"], async ({ out, backbone }) => {
    const { cell } = await cellOf(out, "naive");
    const exportIn = async (cwd: string, ...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "-A", fileURLToPath(new URL("./export.ts", import.meta.url)), ...args],
        env: { NO_COLOR: "1" },
        cwd,
      }).output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    const flags = ["--backbone", backbone, "--format"];
    const printed = await exportIn(`${out}/records`, `${cell}.jsonl`, ...flags, "peft");
    assert.match(printed, /^\.\.\/exports\/naive.*\/task-000\/adapter_model\.safetensors$/m);
    const adapter = `${out}/exports/${cell}/deployed`;
    assert.equal(await exportIn(adapter, ".", ...flags, "onnx"), "../exports/deployed.onnx\n");
    assert.ok(await exists(`${out}/exports/${cell}/exports/deployed.onnx`));
  }));

Deno.test("export answers wrong use with one sentence and code 2, and writes nothing", () =>
  withRun(["naive"], [], async ({ folder, out, backbone }) => {
    const { cell } = await cellOf(out, "naive");
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, out: printed, err } = await call(...args, "--out", `${folder}/exports`);
      assert.deepEqual([code, printed], [2, ""], `${args.join(" ")}: ${err}`);
      assert.match(err, wanted);
      assert.equal(await exists(`${folder}/exports`), false);
    };
    const own = ["--backbone", backbone];
    await refused(/found no .*task-000\.safetensors; run .*--keep-adapters/, out, "--format", "peft", ...own);
    await refused(
      /found no .*deployed\.safetensors; run .*--keep-adapters/,
      `${out}/records/${cell}.jsonl`,
      ...["--format", "onnx", ...own],
    );
    await refused(/--format/, out);
    await refused(/Allowed choices are peft/, out, "--format", "pickle");
    await refused(/Cannot use --naming/, out, "--format", "onnx", "--naming", "timm", ...own);
    await refused(/Cannot read .*none: /, `${folder}/none`, "--format", "onnx");
    await refused(/found no adapter_config\.json and no records in it/, folder, "--format", "onnx");
    await Deno.mkdir(`${folder}/adapters/default`, { recursive: true });
    await Deno.writeTextFile(`${folder}/adapters/default/adapter_config.json`, "{}");
    await refused(/there is one in .*adapters\/default\./, `${folder}/adapters`, "--format", "onnx");
    await refused(/wanted a record/, backbone, "--format", "onnx");

    const record = `${out}/records/${cell}.jsonl`;
    const text = await Deno.readTextFile(record);
    await Deno.writeTextFile(record, text.slice(0, text.indexOf("\n") + 1));
    await refused(
      /is unfinished: nothing is deployed\nCannot .*found nothing to export/,
      out,
      "--format",
      "onnx",
    );
  }));

Deno.test("export refuses another backbone than the record's, and asks for one that is not shipped", () =>
  withRun(["naive"], ["--keep-adapters"], async ({ folder, out }) => {
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, err } = await call(out, "--format", "onnx", ...args, "--out", `${folder}/exports`);
      assert.equal(code, 2);
      assert.match(err, wanted);
      assert.equal(await exists(`${folder}/exports`), false);
    };
    await refused(/Cannot find the backbone tiny: wanted its path in --backbone/);
    await refused(/found hash .*, as in the record/, "--backbone", "nano");
    await refused(/Cannot read .*gone/, "--backbone", `${folder}/gone.safetensors`);
    const { code, err } = await call(
      out,
      ...["--format", "onnx", "--backbone", `${folder}/tiny.safetensors`],
      ...["--out", `${folder}/tiny.json`],
    );
    assert.equal(code, 2);
    assert.match(err, /Cannot write to .*tiny\.json/);
  }));
