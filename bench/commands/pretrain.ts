/**
 * `deno task pretrain RECIPE`: trains a small backbone from a recipe and writes its weights and card. A training
 * that was stopped goes on from its last whole epoch and ends with the same weights.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { decodeState, encodeState, hashJson, ifThere, InputError, replaceFile } from "../../src/core/mod.ts";
import { type Dataset, mixedParts } from "../../src/data/mod.ts";
import {
  type BackendChoice,
  backendChoices,
  createExecutor,
  type Executor,
} from "../../src/executors/mod.ts";
import { formatCard, grownWeights, writeSafetensors } from "../../src/formats/mod.ts";
import { type Backbone, createBackbone, type TrainedOn } from "../../src/nn/mod.ts";
import { type Checkpoint, checkpointTensors, defaultOptimiser, pretrain } from "../../src/train/mod.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "../cli.ts";
import { createFolder } from "../folders.ts";
import { openBackbone } from "../backbones.ts";
import { loadData } from "../grid/load_data.ts";
import { formatDuration } from "../grid/progress.ts";
import { readRecipe, type Recipe } from "./recipe.ts";

interface Options {
  readonly out: string;
  readonly backend: BackendChoice;
  readonly threads?: number;
  readonly data?: string;
}

function configure(command: Command): void {
  command
    .argument("<recipe>", "path of a recipe, such as bench/recipes/procedural.json")
    .option(
      "--data <spec>",
      "where the recipe's images lie here, such as tiny-imagenet:PATH (default: as the recipe says)",
    )
    .option("--out <dir>", "folder for checkpoint, log, weights and card", "runs/pretrain")
    .addOption(new Option("--backend <name>", "what computes").choices(backendChoices).default("auto"))
    .option("--threads <n>", "threads of the backend (default: all cores)", positiveInteger);
}

async function run([path]: readonly string[], options: Options, output: Output): Promise<number> {
  const recipe = await readRecipe(path!);
  const spec = options.data ?? recipe.data;
  const dataset = await loadData(spec, output);
  const base = `${options.out}/${recipe.name}`;
  const parent = recipe.from === undefined ? undefined : await openBackbone(recipe.from);
  const id = hashJson({ recipe, fingerprint: dataset.fingerprint, ...(parent && { parent: parent.hash }) });
  const seen = await trainedOn(spec, dataset, parent);
  await createFolder(options.out);
  const before = await readCheckpoint(`${base}.checkpoint`, id);
  const { executor, why } = await createExecutor(
    options.backend,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  output.err(
    `${recipe.name}: ${dataset.train.count} images of ${dataset.classNames.length} classes, ` +
      `${before?.epochsDone ?? 0} of ${recipe.epochs} epochs done; ${executor.info.backend} (${why})\n`,
  );
  try {
    const work = { recipe, parent, seen, dataset, executor, base, id, before };
    const { checkpoint, seconds } = await train(work, output);
    const backbone = await writeBackbone(work, checkpoint, seconds);
    output.out(`${base}.safetensors ${backbone.hash}\n`);
  } finally {
    await executor.dispose();
  }
  return 0;
}

interface TimedCheckpoint extends Checkpoint {
  /** Of training, over all runs of the command. */
  readonly seconds: number;
}

interface Work {
  readonly recipe: Recipe;
  /** What the recipe starts from. */
  readonly parent: Backbone | undefined;
  /** For the card: of the data, and of the parent's. */
  readonly seen: readonly TrainedOn[];
  readonly dataset: Dataset;
  readonly executor: Executor;
  /** Path of the files without their ending. */
  readonly base: string;
  /** Of recipe and images. */
  readonly id: string;
  readonly before: TimedCheckpoint | undefined;
}

/** Trains from the last checkpoint to the end, keeping a checkpoint and a line of the log after every epoch. */
async function train({ recipe, parent, dataset, executor, base, id, before }: Work, output: Output) {
  const clock = () => performance.now() / 1000;
  const began = clock();
  let seconds = before?.seconds ?? 0;
  let epochBegan = began;
  const checkpoint = await pretrain({
    executor,
    config: recipe.config,
    dataset,
    preprocessing: { ...dataset, ...recipe.pixels, size: recipe.config.image },
    optimiser: {
      ...defaultOptimiser,
      kind: recipe.optimiser ?? "adamw",
      learningRate: recipe.learningRate,
      weightDecay: recipe.weightDecay,
      warmup: recipe.warmup,
    },
    ...(parent && { start: grownWeights(parent, recipe.config, recipe.seed) }),
    batchSize: recipe.batchSize,
    epochs: recipe.epochs,
    smoothing: recipe.smoothing,
    augmentation: recipe,
    mixup: recipe.mixup,
    seed: recipe.seed,
    ...(before && { checkpoint: before }),
    async onEpoch({ checkpoint: { epochsDone, packed }, losses, accuracy }) {
      const now = clock();
      seconds += now - epochBegan;
      epochBegan = now;
      const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      await replaceFile(`${base}.checkpoint`, encodeState({ id, seconds, epochsDone, packed }));
      await Deno.writeTextFile(
        `${base}.log.jsonl`,
        `${JSON.stringify({ epoch: epochsDone, loss, accuracy, seconds })}\n`,
        { append: true },
      );
      const pace = (now - began) / (epochsDone - (before?.epochsDone ?? 0));
      output.err(
        `epoch ${epochsDone}/${recipe.epochs}: mean loss ${loss.toFixed(4)}, ` +
          `${(100 * accuracy).toFixed(1)} % of the test images right, ${formatDuration(seconds)} in all, ` +
          `${formatDuration(pace * (recipe.epochs - epochsDone))} left\n`,
      );
    },
  });
  return { checkpoint, seconds };
}

/** The last checkpoint of the same recipe and data; another recipe's is refused rather than overwritten. */
async function readCheckpoint(
  path: string,
  id: string,
): Promise<TimedCheckpoint | undefined> {
  const bytes = await ifThere(() => Deno.readFile(path));
  if (!bytes) return undefined;
  const state = decodeState(bytes) as unknown as TimedCheckpoint & { readonly id: string };
  if (state.id !== id) {
    throw new InputError(
      `Cannot go on from ${path}: it belongs to another recipe or other data, wanted another --out or no such file`,
    );
  }
  return state;
}

/** What a card says of the data that it was trained on, each part of a mix by itself. */
async function trainedOn(spec: string, dataset: Dataset, parent: Backbone | undefined): Promise<TrainedOn[]> {
  const seen = [...parent?.trainedOn ?? []];
  const { specs } = mixedParts(spec);
  for (const part of specs) {
    const { name, fingerprint, classNames } = specs.length === 1 ? dataset : await loadData(part);
    if (seen.some((known) => known.fingerprint === fingerprint)) continue;
    const wordnet = classNames.flatMap((className) => /^n\d{8}(?= |$)/.exec(className)?.[0] ?? []);
    seen.push({ name, fingerprint, ...(wordnet.length > 0 && { wordnet }) });
  }
  return seen;
}

async function writeBackbone(
  { base, recipe, parent, seen, dataset }: Work,
  checkpoint: Checkpoint,
  seconds: number,
): Promise<Backbone> {
  const { name, config, pixels, description, licence } = recipe;
  const classes = dataset.classNames.length;
  const tensors = checkpointTensors(checkpoint, config, classes);
  const { "head.weight": _, "head.bias": __, ...weights } = tensors;
  const backbone = createBackbone({ id: name, config, weights, pixels });
  await replaceFile(`${base}.safetensors`, writeSafetensors({ tensors: weights }));
  const about = {
    description,
    licence,
    recipe: { ...recipe },
    fingerprint: dataset.fingerprint,
    ...(parent && { parent: parent.hash }),
    hours: Math.round(seconds / 36) / 100,
  };
  await replaceFile(
    `${base}.json`,
    formatCard(
      { ...backbone, trainedOn: seen },
      JSON.parse(JSON.stringify(about)),
    ),
  );
  return backbone;
}

/** The command. */
export const pretrainCommand: CommandSpec<Options> = {
  name: "pretrain",
  description: "Trains a small backbone from a recipe; goes on where a stopped training ended.",
  configure,
  run,
};

if (import.meta.main) await runMain(pretrainCommand);
