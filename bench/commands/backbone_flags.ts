/**
 * Flags of every command that opens a backbone: the facts that a weight file's tensors do not tell.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type BackboneOverrides, type LoadOptions } from "../../src/formats/mod.ts";
import { activations, normOrders, pools } from "../../src/nn/mod.ts";
import { positiveInteger, positiveNumber } from "../cli.ts";

/** Values of the flags. */
export interface BackboneFlags extends BackboneOverrides {
  readonly card?: string;
  readonly image?: number;
  readonly ignoreUnknown?: true;
}

function numbers(text: string): number[] {
  const values = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (!values.every(Number.isFinite)) throw new InvalidArgumentError("Wanted numbers such as 0.5,0.5,0.5.");
  return values;
}

/** Declares the flags. */
export function addBackboneFlags(command: Command): Command {
  return command
    .option(
      "--card <file>",
      "facts about the backbone: a card or a config.json (default: beside the weights)",
    )
    .option("--heads <n>", "attention heads of the backbone, if no card tells", positiveInteger)
    .addOption(new Option("--norm <order>", "layer norms, if no card tells").choices(normOrders))
    .addOption(
      new Option("--activation <name>", "of the MLP, if no card tells").choices(activations),
    )
    .option("--epsilon <number>", "of the layer norms, if no card tells", positiveNumber)
    .addOption(
      new Option(
        "--pool <name>",
        "what becomes the feature, if neither tensors nor a card tell (default: token)",
      )
        .choices(pools),
    )
    .option("--mean <list>", "pixel means per channel, of values from 0 to 1, if no card tells", numbers)
    .option("--std <list>", "pixel deviations per channel, if no card tells", numbers)
    .option(
      "--image <pixels>",
      "side of the images that the backbone sees; its positions are resampled (default: as trained)",
      positiveInteger,
    )
    .option("--ignore-unknown", "load weights although the file has tensors of unknown meaning");
}

/** The given flags about the backbone among all options of a command. */
export function backboneFlagsAmong(options: BackboneFlags): BackboneFlags {
  const { card, heads, norm, activation, epsilon, pool, mean, std, image, ignoreUnknown } = options;
  const flags = { card, heads, norm, activation, epsilon, pool, mean, std, image, ignoreUnknown };
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

/** How to load a backbone as the flags among a command's options say. */
export function loadOptionsOf(options: BackboneFlags): LoadOptions {
  const { card, image, ignoreUnknown, ...overrides } = backboneFlagsAmong(options);
  return {
    overrides,
    ...(card !== undefined && { card }),
    ...(image !== undefined && { image }),
    ...(ignoreUnknown !== undefined && { ignoreUnknown }),
  };
}
