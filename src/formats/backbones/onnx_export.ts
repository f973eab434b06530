/**
 * Merged models as ONNX, for any program with an ONNX runtime: `images` [batch, channels, side, side], normalised as
 * the metadata says, to `logits` [batch, classes], at any batch size. Weights keep timm's names, so that the file can
 * be read back as a backbone.
 *
 * @module
 */
import { withAnyBatch } from "../../executors/onnx/any_batch.ts";
import { lowerProgram } from "../../executors/onnx/lowering.ts";
import { encodeModel } from "../../executors/onnx/model.ts";
import { type Program, trace } from "../../graph/graph.ts";
import { featureWidth, type ViTConfig } from "../../nn/config.ts";
import { linearHead } from "../../nn/heads.ts";
import { stateLookup, vitFeature } from "../../nn/vit.ts";
import { type MergedModel, mergedTensors } from "./merged.ts";

const IMAGES = "images";
const LOGITS = "logits";

/** The classifier as a program over states of the names of `mergedTensors`. */
function traceClassifier(config: ViTConfig, classes: number, batch: number): Program {
  const { channels, image } = config;
  return trace((graph) => {
    const images = graph.input(IMAGES, [batch, channels, image, image]);
    const feature = vitFeature(config, stateLookup(graph, config), images);
    const weight = graph.state("head.weight", [classes, featureWidth(config)]);
    graph.output(LOGITS, linearHead(feature, weight, graph.state("head.bias", [classes])));
  });
}

/** Exports a merged model: the bytes of an `.onnx` file, of standard ops alone. */
export function exportOnnx(model: MergedModel): Uint8Array {
  const { backbone: { config, head }, metadata } = model;
  const classes = head.weight.shape[0]!;
  const frozen = Object.fromEntries(
    Object.entries(mergedTensors(model)).map(([name, { data }]) => [name, data]),
  );
  const lower = (batch: number) =>
    lowerProgram(traceClassifier(config, classes, batch), { frozen, portable: true, metadata }).model;
  return encodeModel(withAnyBatch(lower, IMAGES));
}
