import assert from "node:assert/strict";
import { step } from "./step.ts";
import { ownContestant, stepShapes } from "../lab/step_contestants.ts";
import { callCommand } from "../test_kit.ts";

Deno.test("ownContestant() times a step whose loss is finite", async () => {
  const shape = stepShapes[0]!;
  const small = { ...shape, run: { ...shape.run, batch: 2 } };
  const onnx = await ownContestant("onnx-node", small, { threads: 1 });
  assert.equal(onnx.name, "onnx-node, 1 thread");
  assert.ok(await onnx.measure(2) > 0);
  assert.ok(await onnx.gemmRate!() > 0);
  // Of one image of 17 tokens, forward: 4 blocks of 2 · 17 · 128 · (3 · 128 + 128 + 2 · 512) FLOP, the last block's
  // MLP for one token only; less than as much again backward, and a tenth for the rest.
  const forward = 2 * 4 * 2 * 17 * 128 * (4 * 128 + 2 * 512);
  assert.ok(onnx.flop > forward && onnx.flop < 2.2 * forward, `${onnx.flop} beside ${forward}`);
  await onnx.dispose();
});

Deno.test("step --model reports seconds and memory of a model with as many blocks as asked for", async () => {
  const { code, out, err } = await callCommand(step, [
    ...["--model", "vit-b16", "--depth", "1", "--batch", "1"],
    ...["--rounds", "1", "--backend", "onnx-node", "--json"],
  ]);
  assert.equal(code, 0, err);
  const report = JSON.parse(out);
  assert.deepEqual([report.model, report.depth, report.batch], ["vit-b16", 1, 1]);
  assert.ok(report.secondsPerStep > 0 && report.secondsPerStep <= report.secondsToReady);
  assert.ok(report.gflopPerSecond > 0 && report.gemmGflopPerSecond > 0);
  // One block and the embeddings of ViT-B/16 are 8 M numbers.
  assert.ok(report.peakBytes > 4 * 8e6 && report.peakBytes < 6 * 2 ** 30, `${report.peakBytes}`);
});

Deno.test("step refuses options that would do nothing", async () => {
  for (
    const [args, message] of [
      [["--batch", "8"], /Cannot use --batch without --model/],
      [["--model", "vit-b16", "--quick", "--peers"], /Cannot use --peers, --quick with --model/],
      [["--model", "frob"], /--model/],
    ] as const
  ) {
    const { code, err } = await callCommand(step, args);
    assert.equal(code, 2);
    assert.match(err, message);
  }
});
