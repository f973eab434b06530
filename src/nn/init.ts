/**
 * Fresh weights of a Vision Transformer, as timm draws them (`vision_transformer.py`): linear weights and the
 * positions normal with deviation 0.02 (timm cuts at ±2, a hundred deviations, so never), the class token
 * normal with 1e-6, the patch convolution PyTorch's uniform in ±1/√inputs, biases zero, norms one.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors, type TensorSpec } from "../core/tensors.ts";
import { backboneTensors, type ViTConfig } from "./config.ts";
import type { LinearHead } from "./heads.ts";

const DEVIATION = 0.02;
const CLASS_TOKEN_DEVIATION = 1e-6;

function filled(shape: readonly number[], draw: () => number): HostTensor {
  const tensor = hostTensor(shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = draw();
  return tensor;
}

function initTensor({ channels, patch }: ViTConfig, { name, shape }: TensorSpec, rng: Rng): HostTensor {
  if (name.startsWith("patch_embed.")) {
    const bound = 1 / Math.sqrt(channels * patch * patch);
    return filled(shape, () => (2 * rng.uniform() - 1) * bound);
  }
  if (name === "cls_token") return filled(shape, () => CLASS_TOKEN_DEVIATION * rng.normal());
  if (/norm(\d|_pre)?\.weight$/.test(name)) return filled(shape, () => 1);
  if (name.endsWith(".bias")) return hostTensor(shape);
  return filled(shape, () => DEVIATION * rng.normal());
}

/** Fresh backbone weights. Every tensor has its own random stream, so depth does not change the other tensors. */
export function initBackbone(config: ViTConfig, rng: Rng): NamedTensors {
  return Object.fromEntries(
    backboneTensors(config).map((spec) => [spec.name, initTensor(config, spec, rng.stream(spec.name))]),
  );
}

/** A fresh linear classifier: weight normal with deviation 0.02, bias zero. */
export function initHead(classes: number, width: number, rng: Rng): LinearHead {
  return {
    weight: filled([classes, width], () => DEVIATION * rng.normal()),
    bias: hostTensor([classes]),
  };
}
