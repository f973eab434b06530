/**
 * `deno task pretrain RECIPE`: trains a small backbone from a recipe and writes its weights and card. A training
 * that was stopped goes on from its last whole epoch and ends with the same weights.
 *
 * @module
 */
import type { Command } from "commander";
import {
  type Backbone,
  type Checkpoint,
  checkpointTensors,
  createBackbone,
  createExecutor,
  type Dataset,
  decodeState,
  encodeState,
  formatCard,
  hashJson,
  InputError,
  optimiserOf,
  pretrain,
  replaceFile,
  resolveSettings,
  writeSafetensors,
} from "../mod.ts";
import { type CommandSpec, type Output, positiveInteger, runMain } from "./cli.ts";
import { loadData } from "./load_data.ts";
import { formatDuration } from "./progress.ts";
import { readRecipe, type Recipe } from "./recipe.ts";

interface Options {
  readonly out: string;
  readonly backend: Parameters<typeof createExecutor>[0];
  readonly threads?: number;
}

function configure(command: Command): void {
  command
    .argument("<recipe>", "path of a recipe, such as bench/recipes/procedural.json")
    .option("--out <dir>", "folder for checkpoint, log, weights and card", "runs/pretrain")
    .option("--backend <name>", "auto, webgpu, onnx, onnx-node, onnx-web or reference", "auto")
    .option("--threads <n>", "threads of the backend (default: all cores)", positiveInteger);
}

async function run([path]: readonly string[], options: Options, output: Output): Promise<number> {
  const recipe = await readRecipe(path!);
  const dataset = await loadData(recipe.data, output);
  const base = `${options.out}/${recipe.name}`;
  const id = hashJson({ recipe, fingerprint: dataset.fingerprint });
  await makeFolder(options.out);
  const before = await readCheckpoint(`${base}.checkpoint`, id);
  const { executor, why } = await createExecutor(
    options.backend,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  output.err(
    `${recipe.name}: ${dataset.train.count} images of ${dataset.classNames.length} classes, ` +
      `${before?.epochsDone ?? 0} of ${recipe.epochs} epochs done; ${executor.info.backend} (${why})\n`,
  );
  const clock = () => performance.now() / 1000;
  const began = clock();
  let seconds = before?.seconds ?? 0;
  let epochBegan = began;
  const checkpoint = await pretrain({
    executor,
    config: recipe.config,
    dataset,
    preprocessing: { ...dataset, ...recipe.pixels, size: recipe.config.image },
    optimiser: optimiserOf(resolveSettings({
      learningRate: recipe.learningRate,
      weightDecay: recipe.weightDecay,
      warmup: recipe.warmup,
    })),
    batchSize: recipe.batchSize,
    epochs: recipe.epochs,
    smoothing: recipe.smoothing,
    augmentation: recipe,
    mixup: recipe.mixup,
    seed: recipe.seed,
    ...(before && { checkpoint: before }),
    async onEpoch(checkpoint, losses) {
      const now = clock();
      seconds += now - epochBegan;
      epochBegan = now;
      const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      await replaceFile(
        `${base}.checkpoint`,
        encodeState({ id, seconds, epochsDone: checkpoint.epochsDone, packed: checkpoint.packed }),
      );
      await Deno.writeTextFile(
        `${base}.log.jsonl`,
        `${JSON.stringify({ epoch: checkpoint.epochsDone, loss, seconds })}\n`,
        { append: true },
      );
      const left = (now - began) / (checkpoint.epochsDone - (before?.epochsDone ?? 0)) *
        (recipe.epochs - checkpoint.epochsDone);
      output.err(
        `epoch ${checkpoint.epochsDone}/${recipe.epochs}: mean loss ${loss.toFixed(4)}, ` +
          `${formatDuration(seconds)} in all, ${formatDuration(left)} left\n`,
      );
    },
  });
  await executor.dispose();
  const backbone = await writeBackbone(base, recipe, dataset, checkpoint, seconds);
  output.out(`${base}.safetensors ${backbone.hash}\n`);
  return 0;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new InputError(`Cannot write to ${folder}: ${(error as Error).message}`);
  }
}

/** The last checkpoint of the same recipe and data; another recipe's is refused rather than overwritten. */
async function readCheckpoint(
  path: string,
  id: string,
): Promise<(Checkpoint & { readonly seconds: number }) | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const state = decodeState(bytes) as unknown as Checkpoint & { id: string; seconds: number };
  if (state.id !== id) {
    throw new InputError(
      `Cannot go on from ${path}: it belongs to another recipe or other data, wanted another --out or no such file`,
    );
  }
  return state;
}

async function writeBackbone(
  base: string,
  recipe: Recipe,
  dataset: Dataset,
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
    hours: Math.round(seconds / 36) / 100,
  };
  await replaceFile(`${base}.json`, formatCard(backbone, JSON.parse(JSON.stringify(about))));
  return backbone;
}

const spec: CommandSpec<Options> = {
  name: "pretrain",
  description: "Trains a small backbone from a recipe; goes on where a stopped training ended.",
  configure,
  run,
};

if (import.meta.main) await runMain(spec);
