import assert from "node:assert/strict";
import { InputError } from "../src/core/mod.ts";
import { addBackboneFlags, type BackboneFlags, loadOptionsOf } from "./commands/backbone_flags.ts";
import { openBackbone } from "./backbones.ts";
import type { CommandSpec } from "./cli.ts";
import { callCommand, inFolder, writeBackbone } from "./test_kit.ts";

/** A command that does nothing but open a backbone. */
const open: CommandSpec<BackboneFlags> = {
  name: "open",
  description: "",
  configure: (command) => void addBackboneFlags(command.argument("<path>")),
  async run([path], flags, output) {
    const { config, pixels } = await openBackbone(path!, loadOptionsOf(flags));
    output.out(JSON.stringify({ ...config, ...pixels }));
    return 0;
  },
};

const FACTS = [
  ["heads", "2"],
  ["norm", "pre"],
  ["activation", "gelu"],
  ["epsilon", "1e-6"],
  ["mean", "0.5,0.5,0.5"],
  ["std", "0.25,0.25,0.25"],
] as const;

Deno.test("openBackbone() asks for each missing fact by name, and the flag of that name gives it", () =>
  inFolder(async (folder) => {
    const path = await writeBackbone(folder);
    const withCard = await callCommand(open, [path]);
    assert.equal(withCard.code, 0, withCard.err);
    await Deno.remove(`${folder}/tiny.json`);
    const args: string[] = [path];
    for (const [fact, value] of FACTS) {
      const asked = await callCommand(open, args);
      assert.equal(asked.code, 2);
      assert.match(asked.err, new RegExp(`found no "${fact}".*--${fact}`));
      args.push(`--${fact}`, value);
    }
    const told = await callCommand(open, args);
    assert.deepEqual(told, withCard);
    const larger = await callCommand(open, [...args, "--image", "12"]);
    assert.equal(JSON.parse(larger.out).image, 12);
    assert.match((await callCommand(open, [...args, "--image", "10"])).err, /multiple of the patch size 4/);
  }));

Deno.test("openBackbone() takes the facts of another card, and flags before those", () =>
  inFolder(async (folder) => {
    const path = await writeBackbone(folder);
    await Deno.rename(`${folder}/tiny.json`, `${folder}/card.json`);
    const { out } = await callCommand(open, [path, "--card", `${folder}/card.json`, "--heads", "4"]);
    assert.deepEqual([JSON.parse(out).heads, JSON.parse(out).activation], [4, "gelu"]);
  }));

Deno.test("addBackboneFlags() refuses values that cannot be", async () => {
  for (
    const [flag, value] of [
      ["--heads", "0"],
      ["--norm", "middle"],
      ["--activation", "swish"],
      ["--epsilon", "-1"],
      ["--mean", "0.5,,0.5"],
      ["--std", "grey"],
      ["--image", "8.5"],
    ] as const
  ) {
    const { code, err } = await callCommand(open, ["x", flag, value]);
    assert.equal(code, 2);
    assert.match(err, new RegExp(flag));
  }
});

Deno.test("openBackbone() takes a folder, and tells what a name could have been", () =>
  inFolder(async (folder) => {
    const path = await writeBackbone(folder);
    assert.equal((await openBackbone(folder)).hash, (await openBackbone(path)).hash);
    await assert.rejects(openBackbone("mini"), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, /"mini": wanted nano, small, nano-procedural or the path/);
      return true;
    });
  }));
