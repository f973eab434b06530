/**
 * What the image and CI take from elsewhere is named by content, not by a tag that somebody may move.
 *
 * @module
 */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

Deno.test("the image's bases are pinned by digest, and its Deno is the one that CI runs", async () => {
  const dockerfile = await read("Dockerfile");
  const bases = [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=(.*)$/gm)];
  assert.equal(bases.length, 2);
  for (const [, name, image] of bases) assert.match(image!, /^[\w/]+:[\w.-]+@sha256:[0-9a-f]{64}$/, name!);
  for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm)) {
    assert.ok(/^\$\{\w+_IMAGE\}$/.test(image!) || image === "root", image!);
  }
  const [, version] = /deno:bin-([\d.]+)@/.exec(dockerfile)!;
  assert.match(await read(".ci/run"), new RegExp(`npx -y deno@${version!.replaceAll(".", "\\.")} `));
  const sums = (await read("bench/container/deno.sha256")).trim().split("\n");
  assert.deepEqual(sums.map((line) => line.split(/ +/)[0]), ["x86_64", "aarch64"]);
  for (const line of sums) assert.match(line, /^\w+ +[0-9a-f]{64}$/);
});

Deno.test("workflows take actions by commit and ask for no more than they need", async () => {
  let actions = 0;
  for await (const { name } of Deno.readDir(new URL(".github/workflows/", root))) {
    const text = await read(`.github/workflows/${name}`);
    for (const [line] of text.matchAll(/^ *(?:- )?uses: .*$/gm)) {
      assert.match(line, /uses: actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
      actions++;
    }
    assert.match(text, /^permissions:$/m, name);
    assert.doesNotMatch(text, /pull_request_target|write-all|contents: write/, name);
    // Text of strangers reaches scripts through variables only.
    for (const [, script] of text.matchAll(/^ *run: *(\|?(?:\n {10,}.*|.)+)/gm)) {
      const foreign = [...script!.matchAll(/\$\{\{ *([\w.]+)/g)].map(([, name]) => name!);
      assert.ok(foreign.every((name) => name.startsWith("matrix.")), `${name}: ${foreign}`);
    }
  }
  assert.ok(actions > 10);
});
