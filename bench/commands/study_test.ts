import assert from "node:assert/strict";
import { callCommand } from "../test_kit.ts";
import { verify } from "./verify.ts";
import { BASELINE, callStudy, inStudy } from "../study/test_study.ts";

const FILES = [
  "STUDY.md",
  "README.md",
  "bench/plots/study-cpu-growth.svg",
  "bench/study/records/smoke.jsonl.gz",
];

const read = (root: string) => Promise.all(FILES.map((path) => Deno.readFile(`${root}/${path}`)));

Deno.test("study packs, writes and checks, and says the first line that is not as the records give it", () =>
  inStudy(async (root) => {
    const packed = await callStudy(root, "--pack", "smoke", BASELINE);
    assert.deepEqual([packed.code, packed.err], [0, ""]);
    assert.match(packed.out, /^84 records in bench\/study\/records\/smoke\.jsonl\.gz \(\d+ KiB\)\n$/);
    const early = await callStudy(root, "--check");
    assert.equal(early.code, 1);
    assert.match(early.err, /^STUDY\.md is not there\nREADME\.md, line 6: found <!-- \/study -->\n/);
    const { code, out, err } = await callStudy(root);
    assert.deepEqual([code, out, err], [
      0,
      "STUDY.md, README.md, bench/plots/study-cpu-growth.svg from 84 records\n",
      "",
    ]);
    assert.equal((await callStudy(root, "--check")).code, 0);
    const before = await read(root);
    // Again, from nothing but the records.
    await callStudy(root, "--pack", "smoke", "--add", BASELINE);
    await callStudy(root);
    assert.deepEqual(await read(root), before);

    const readme = await Deno.readTextFile(`${root}/README.md`);
    assert.match(readme, /^# Mine\n\nBefore\.\n\n<!-- study -->\n\nAt T = 4, `ham` has 69\.4 ± 1\.2 %/);
    assert.match(readme, /<!-- \/study -->\n\nAfter\.\n$/);
    assert.match(
      readme,
      /\n\| Up to 4 .* \| ONNX Runtime \| not decidable here \| points to ewc and concat-pruned: T=4 \+0\.7 \[.*\] \|\n/,
    );
    const edit = async (path: string, from: string, to: string, message: RegExp) => {
      const text = await Deno.readTextFile(`${root}/${path}`);
      assert.ok(text.includes(from), `${path} has no ${from}`);
      await Deno.writeTextFile(`${root}/${path}`, text.replace(from, to));
      const { code, err } = await callStudy(root, "--check");
      assert.equal(code, 1, path);
      assert.match(err, message);
      assert.equal(
        await Deno.readTextFile(`${root}/${path}`),
        text.replace(from, to),
        "--check writes nothing",
      );
      await Deno.writeTextFile(`${root}/${path}`, text);
    };
    await edit(
      "README.md",
      "69.4 ± 1.2 %",
      "79.4 ± 1.2 %",
      /^README\.md, line 7: found At T = 4, `ham` has 79\.4.*\n {2}the records give At T = 4, `ham` has 69\.4/,
    );
    await edit("STUDY.md", "\n| ham | 68.1", "\n| ham | 68.2", /^STUDY\.md, line \d+: found \| ham \| 68\.2/);
    await edit("STUDY.md", "## How to read it", "", /^STUDY\.md, line \d+: found\s+the records give ## How/);
    await edit(
      "bench/plots/study-cpu-growth.svg",
      "<svg",
      "<svg ",
      /study-cpu-growth\.svg, line 1: found <svg /,
    );
    await edit(
      "bench/study/study.json",
      "A study of",
      "Lies of",
      /line 1: found # A study .*\n.* give # Lies of/,
    );
    await Deno.writeTextFile(`${root}/bench/plots/study-old-growth.svg`, "");
    const stray = await callStudy(root, "--check");
    assert.deepEqual([stray.code, stray.err.split("\n")[0]], [
      1,
      "bench/plots/study-old-growth.svg is not of the study",
    ]);
  }));

Deno.test("study unpacks records as the files that they were, which verify finds nothing wrong with", () =>
  inStudy(async (root) => {
    await callStudy(root, "--pack", "smoke", BASELINE);
    const { code, out } = await callStudy(root, "--unpack", `${root}/out`);
    assert.deepEqual([code, out], [0, `84 records in ${root}/out/smoke\n`]);
    const names = async (folder: string) =>
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
    assert.deepEqual((await names(`${root}/out/smoke/records`)).sort(), (await names(BASELINE)).sort());
    for (const name of await names(BASELINE)) {
      const found = await Deno.readTextFile(`${root}/out/smoke/records/${name}`);
      assert.ok(found === await Deno.readTextFile(`${BASELINE}/${name}`), name);
    }
    assert.equal((await callCommand(verify, ["--text-only", `${root}/out/smoke`])).code, 0);
  }));

Deno.test("study without records says of everything that it was not run", () =>
  inStudy(async (root) => {
    const { code, err } = await callStudy(root);
    assert.deepEqual([code, err], [0, ""]);
    const text = await Deno.readTextFile(`${root}/STUDY.md`);
    assert.doesNotMatch(text, /The best is/);
    assert.match(
      text,
      /\nNot run: Up to 4 points more accurate than the best baseline; Memory is bounded\.\n/,
    );
    assert.match(text, /\nONNX Runtime: not run\.\n/);
    assert.match(text, /Parts that were not run: smoke, later\./);
    assert.doesNotMatch(text, /undefined|NaN|Infinity|\{\{/);
    assert.equal((await callStudy(root, "--check")).code, 0);
  }));

Deno.test("study's tables have the numbers of the records", () =>
  inStudy(async (root) => {
    await callStudy(root, "--pack", "smoke", BASELINE);
    await callStudy(root);
    const text = await Deno.readTextFile(`${root}/STUDY.md`);
    // fixtures/study.json: pooled of ham at T=4 0.69444 ± 0.01203, of joint at T=2 0.69444 ± 0.03182; forgetting of ewc.
    assert.match(text, /\n\| ham \| 68\.1 ± 1\.2 \| 69\.4 ± 1\.2 \|\n/);
    assert.match(text, /\n\| joint \| 69\.4 ± 3\.2 \|/);
    assert.match(text, /\n\| ewc \| 11\.1 ± 2\.4 \| 11\.1 ± 5\.6 \|\n/);
    assert.match(text, /in no record\.\n\nNot run: T=8 and ham-plus\.\n/);
    assert.match(text, /Agreement of groups with families \(adjusted Rand index\): in no record\./);
    assert.match(
      text,
      /\| ONNX Runtime \| points to ewc \| 2 \| −1\.4 \[−4\.4, \+1\.6\] \| 3 \| 0\.18 \| 0\.5 \|/,
    );
    assert.match(text, /\n- T=2: undecided to ewc, naive, concat-pruned, simplecil, joint and taskarith\.\n/);
    assert.match(text, /\n\| ham \| 69\.4 ± 1\.2 \(n=3\) \| 69\.4 ± 1\.2 \(n=3\) \|\n/);
    assert.match(text, /\ndeno task bench --suite bench\/study\/base\.json .* --out runs\/smoke\n/);
    assert.doesNotMatch(text, /undefined|NaN|Infinity|\{\{/);
  }));

Deno.test("study is used rightly, or says how", () =>
  inStudy(async (root) => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["--unpack", "x", "--check"], /Cannot use --unpack with --check or --pack/],
      [["x"], /Cannot use folders without --pack PART/],
      [["--add"], /Cannot use --add without --pack/],
      [["--place", "a=b"], /Cannot use --place without --pack/],
      [["--pack", "smoke"], /found no folder/],
      [["--pack", "smoke", "--check", BASELINE], /Cannot use --check with --pack/],
      [["--pack", "speed", BASELINE], /found part speed, wanted one of smoke, later/],
      [["--pack", "smoke", "--place", "a", BASELINE], /Wanted FROM=TO/],
      [["--pack", "smoke", `${root}/bench`], /found no records/],
    ];
    for (const [args, message] of wrong) {
      const { code, out, err } = await callStudy(root, ...args);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, message);
    }
    const marks = async (text: string, message: RegExp) => {
      await Deno.writeTextFile(`${root}/README.md`, text);
      const { code, err } = await callStudy(root);
      assert.equal(code, 2);
      assert.match(err, message);
    };
    await marks("# No marks\n", /wanted one <!-- study --> and after it one <!-- \/study -->/);
    await marks("<!-- /study --><!-- study -->", /wanted one/);
    await marks("<!-- study --><!-- study --><!-- /study -->", /wanted one/);
    await Deno.remove(`${root}/README.md`);
    assert.match((await callStudy(root)).err, /found no README\.md/);
    await Deno.writeTextFile(`${root}/bench/study/study.json`, "{}");
    assert.match((await callStudy(root)).err, /Cannot read study .*study\.json: title: /);
  }));
