/**
 * `deno task backbone PATH`: what a weight file holds, what it says about images, and how well its frozen features
 * tell classes apart.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { InputError, sizeOf } from "../../src/core/mod.ts";
import { type Dataset, limitClasses, limitPerClass } from "../../src/data/mod.ts";
import { type BackendChoice, backendChoices, createExecutor } from "../../src/executors/mod.ts";
import { type BackboneInspection, inspectBackbone } from "../../src/formats/mod.ts";
import { type Backbone, hostLogits, RIDGE_PENALTY, tokenCount } from "../../src/nn/mod.ts";
import {
  createFeatureExtractor,
  type FeatureExtractor,
  probeDataset,
  type ProbeScores,
} from "../../src/train/mod.ts";
import { addBackboneFlags, type BackboneFlags, loadOptionsOf } from "./backbone_flags.ts";
import { backbonePath } from "../backbones.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { loadData } from "../grid/load_data.ts";

interface Options extends BackboneFlags {
  readonly logits?: string;
  readonly count?: number;
  readonly probe?: string;
  readonly classes?: number;
  readonly trainPerClass?: number;
  readonly testPerClass?: number;
  readonly backend: BackendChoice;
  readonly json?: true;
}

/** What a model says about one test image. */
interface ImageAnswer {
  readonly label: number;
  readonly className: string;
  /** Absent if the file has no classifier. */
  readonly logits?: readonly number[];
  readonly feature: readonly number[];
}

interface Probe extends ProbeScores {
  readonly data: string;
  readonly fingerprint: string;
  readonly classes: number;
  readonly train: number;
  readonly test: number;
  readonly penalty: number;
}

/** Images that `--logits` shows if not told. */
const COUNT = 4;
/** Tensor names that are listed before the rest is counted. */
const LISTED = 8;

function configure(command: Command): void {
  command.argument(
    "<path>",
    "name of a shipped backbone, or a .safetensors or .onnx file or a folder with one",
  );
  addBackboneFlags(command)
    .option("--logits <data>", "print logits and features of the first test images of a data set")
    .option("--count <n>", `so many images (default: ${COUNT})`, positiveInteger)
    .option(
      "--probe <data>",
      "print the accuracy of class means (NCM) and ridge regression on frozen features, all classes at once",
    )
    .option("--classes <n>", "of the data, the first n classes only", positiveInteger)
    .option("--train-per-class <n>", "of each class, the first n training images", positiveInteger)
    .option("--test-per-class <n>", "of each class, the first n test images", positiveInteger)
    .addOption(new Option("--backend <name>", "what computes").choices(backendChoices).default("auto"))
    .option("--json", "machine-readable");
}

/** Options that would do nothing are mistakes. */
function checkOptions({ logits, count, probe, classes, trainPerClass, testPerClass }: Options): void {
  const needs = (given: unknown, option: string, wanted: boolean, needed: string) => {
    if (given !== undefined && !wanted) {
      throw new InputError(
        `Cannot use ${option}: it says something about ${needed}, which was not asked for`,
      );
    }
  };
  needs(count, "--count", logits !== undefined, "--logits");
  needs(trainPerClass, "--train-per-class", probe !== undefined, "--probe");
  const hasData = logits !== undefined || probe !== undefined;
  needs(testPerClass, "--test-per-class", hasData, "--logits or --probe");
  needs(classes, "--classes", hasData, "--logits or --probe");
}

async function openData(spec: string, options: Options, output: Output): Promise<Dataset> {
  const { classes, trainPerClass, testPerClass } = options;
  const whole = await loadData(spec, output);
  const dataset = classes === undefined ? whole : limitClasses(whole, classes);
  if (trainPerClass === undefined && testPerClass === undefined) return dataset;
  return limitPerClass(dataset, {
    ...(trainPerClass !== undefined && { train: trainPerClass }),
    ...(testPerClass !== undefined && { test: testPerClass }),
  });
}

async function answer(
  { extract }: FeatureExtractor,
  { head }: Backbone,
  { name, test, classNames }: Dataset,
  wanted: number,
): Promise<ImageAnswer[]> {
  if (wanted > test.count) {
    throw new InputError(`Cannot show ${wanted} test images of ${name}: found ${test.count}`);
  }
  const indices = Array.from({ length: wanted }, (_, i) => i);
  const features = await extract(test, indices);
  const logits = head && hostLogits(head, features);
  const row = (values: ArrayLike<number>, index: number) => {
    const length = values.length / wanted;
    return Array.from({ length }, (_, i) => values[index * length + i]!);
  };
  return indices.map((index) => ({
    label: test.labels[index]!,
    className: classNames[test.labels[index]!]!,
    ...(logits && { logits: row(logits, index) }),
    feature: row(features, index),
  }));
}

async function probe(extractor: FeatureExtractor, dataset: Dataset, data: string): Promise<Probe> {
  const { fingerprint, classNames, train, test } = dataset;
  const scores = await probeDataset(extractor, dataset);
  return {
    data,
    fingerprint,
    classes: classNames.length,
    train: train.count,
    test: test.count,
    penalty: RIDGE_PENALTY,
    ...scores,
  };
}

/** Facts about the file and, if it can be loaded, the backbone. */
function facts(inspection: BackboneInspection, backbone: Backbone | undefined) {
  const { file, factsFrom, count, map, missing, leftover, unneeded } = inspection;
  const parameters = (tensors: readonly { readonly shape: readonly number[] }[]) =>
    tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    file,
    factsFrom: factsFrom ?? null,
    tensors: count,
    nameMap: map,
    missing,
    leftover,
    unneeded,
    ...(backbone && {
      architecture: backbone.config,
      tokens: tokenCount(backbone.config),
      pixels: backbone.pixels,
      parameters: parameters(Object.values(backbone.weights)),
      classifier: backbone.head
        ? {
          classes: backbone.head.bias.data.length,
          parameters: parameters([backbone.head.weight, backbone.head.bias]),
        }
        : null,
      hash: backbone.hash,
    }),
  };
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const rest = names.length - LISTED;
  return names.slice(0, LISTED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** What the plain Vision Transformer does not have. */
function describeParts({ pool, classToken, registers, embedNorm, gated }: Backbone["config"]): string {
  const parts = [
    ...(pool ? [`feature ${pool}`] : []),
    ...(classToken === false ? ["no class token"] : []),
    ...(registers ? [`${registers} registers`] : []),
    ...(embedNorm ? ["a norm before the blocks"] : []),
    ...(gated ? ["gated"] : []),
  ];
  return parts.map((part) => `, ${part}`).join("");
}

function describe(found: ReturnType<typeof facts>): string {
  const { architecture, pixels, classifier } = found;
  const lines = [
    `file          ${found.file}`,
    `facts from    ${found.factsFrom ?? "the flags alone"}`,
    `tensors       ${found.tensors}, by the name map ${found.nameMap}`,
    `missing       ${listNames(found.missing)}`,
    `left over     ${listNames(found.leftover)}`,
    `not needed    ${listNames(found.unneeded)}`,
    ...(architecture
      ? [
        `architecture  ViT, ${architecture.norm}-norm, width ${architecture.width}, depth ${architecture.depth}, ` +
        `${architecture.heads} heads, MLP ${architecture.mlp} with ${architecture.activation}, ` +
        `epsilon ${architecture.epsilon}, ${architecture.finalNorm === false ? "no" : "a"} final norm` +
        describeParts(architecture),
        `images        ${architecture.channels} x ${architecture.image} x ${architecture.image}, ` +
        `patches of ${architecture.patch}, ${found.tokens} tokens`,
        `pixels        mean ${pixels!.mean.join(", ")}; deviation ${pixels!.std.join(", ")}`,
        `parameters    ${found.parameters}`,
        `classifier    ${
          classifier ? `${classifier.classes} classes, ${classifier.parameters} parameters` : "none"
        }`,
        `hash          ${found.hash}`,
      ]
      : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function describeAnswers(data: string, answers: readonly ImageAnswer[]): string {
  const numbers = (values: readonly number[]) => values.map((value) => value.toFixed(5)).join(" ");
  const lines = answers.flatMap(({ label, className, logits, feature }, i) => [
    `test ${i} of ${data}: ${label} (${className})`,
    ...(logits ? [`  logits   ${numbers(logits)}`] : []),
    `  feature  ${numbers(feature)}`,
  ]);
  return lines.map((line) => `${line}\n`).join("");
}

function describeProbe(
  { data, classes, train, test, penalty, ncmCosine, ncmEuclidean, ridge }: Probe,
): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  return [
    `probe         ${data}: ${classes} classes at once, ${train} training images, ${test} test images`,
    `  NCM, cosine         ${percent(ncmCosine)}`,
    `  NCM, Euclidean      ${percent(ncmEuclidean)}`,
    `  ridge, penalty ${penalty}   ${percent(ridge)}`,
    `  chance              ${percent(1 / classes)}`,
  ].map((line) => `${line}\n`).join("");
}

async function run([path]: readonly string[], options: Options, output: Output): Promise<number> {
  checkOptions(options);
  const { logits, probe: probed, count = COUNT, json, backend } = options;
  const inspection = await inspectBackbone(await backbonePath(path!), loadOptionsOf(options));
  const show = (found: unknown) => output.out(`${JSON.stringify(found, undefined, 2)}\n`);
  let backbone: Backbone;
  try {
    backbone = inspection.backbone();
  } catch (error) {
    // What there is helps to find out what is wrong.
    const found = facts(inspection, undefined);
    json ? show({ ...found, problem: (error as Error).message }) : output.out(describe(found));
    throw error;
  }
  const found = facts(inspection, backbone);
  if (!json) output.out(describe(found));
  if (logits === undefined && probed === undefined) {
    if (json) show(found);
    return 0;
  }
  const { executor, why } = await createExecutor(backend);
  try {
    const results: { answers?: readonly ImageAnswer[]; probe?: Probe } = {};
    for (const data of new Set([logits, probed].filter((spec) => spec !== undefined))) {
      const dataset = await openData(data, options, output);
      const extractor = await createFeatureExtractor(executor, backbone, dataset);
      try {
        if (data === logits) {
          results.answers = await answer(extractor, backbone, dataset, count);
          if (!json) output.out(describeAnswers(data, results.answers));
        }
        if (data === probed) {
          results.probe = await probe(extractor, dataset, data);
          if (!json) output.out(describeProbe(results.probe));
        }
      } finally {
        extractor.dispose();
      }
    }
    if (json) show({ ...found, backend: { ...executor.info, why }, ...results });
    else output.out(`computed by   ${executor.info.backend} (${why})\n`);
  } finally {
    await executor.dispose();
  }
  return 0;
}

/** The command. */
export const backboneCommand: CommandSpec<Options> = {
  name: "backbone",
  description: "Shows what a weight file holds, and what its frozen features are worth.",
  configure,
  run,
};

if (import.meta.main) await runMain(backboneCommand);
