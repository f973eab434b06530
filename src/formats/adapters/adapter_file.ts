/**
 * Trained adapters as files of our own: factors and classifier in safetensors, and in its metadata what makes them
 * usable later: scale and importance to the last bit, the backbone they belong to, and the classes.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/json.ts";
import { describeIssues } from "../../core/schema.ts";
import type { HostTensor, NamedTensors } from "../../core/tensors.ts";
import {
  type Adapter,
  adapterFromTensors,
  adapterToTensors,
  IMPORTANCE,
  orderSites,
} from "../../nn/adapter.ts";
import { type ClassifierKind, classifierKinds } from "../../nn/classifier.ts";
import type { LinearHead } from "../../nn/heads.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";

/** A classifier and what it means. */
export interface KeptClassifier extends LinearHead {
  /** The policy by which it was trained. */
  readonly kind: ClassifierKind;
  /** One name per row. */
  readonly classNames: readonly string[];
}

/** An adapter outside a run. */
export interface KeptAdapter {
  /** Absent if the bare backbone is meant. */
  readonly adapter?: Adapter;
  /** Absent if the adapter alone was kept. */
  readonly classifier?: KeptClassifier;
  /** Weights that replace the backbone's before the adapter is folded in, of adapters that came from elsewhere. */
  readonly weights?: NamedTensors;
  /** The one that the adapter was trained on: name for people, and hash. */
  readonly backbone: { readonly id: string; readonly hash: string };
  /** Name of the cell of a benchmark it comes from. */
  readonly cell?: string;
  /** From 0; absent for what was deployed at the end. */
  readonly task?: number;
}

const FORMAT = "ham-bench adapter";
const HEAD_WEIGHT = "head.weight";
const HEAD_BIAS = "head.bias";

const facts = z.strictObject({
  backbone: z.strictObject({ id: z.string(), hash: z.string() }),
  adapter: z.strictObject({ scale: z.number(), importance: z.number() }).exactOptional(),
  classifier: z.strictObject({
    kind: z.enum(classifierKinds),
    classNames: z.array(z.string()),
  }).exactOptional(),
  cell: z.string().exactOptional(),
  task: z.int().min(0).exactOptional(),
});

/**
 * The bytes of a file. Equal adapters give equal bytes.
 *
 * @throws {RangeError} If weights of the backbone go with it
 */
export function encodeAdapterFile({ adapter, classifier, weights, ...origin }: KeptAdapter): Uint8Array {
  if (weights) {
    throw new RangeError("Cannot write adapter: found weights of the backbone, wanted an adapter alone");
  }
  const factors: Record<string, HostTensor> = adapter ? { ...adapterToTensors(adapter) } : {};
  delete factors[IMPORTANCE];
  const described: z.infer<typeof facts> = {
    ...origin,
    ...(adapter && { adapter: { scale: adapter.scale, importance: adapter.importance } }),
    ...(classifier && { classifier: { kind: classifier.kind, classNames: [...classifier.classNames] } }),
  };
  return writeSafetensors({
    tensors: {
      ...factors,
      ...(classifier && { [HEAD_WEIGHT]: classifier.weight, [HEAD_BIAS]: classifier.bias }),
    },
    metadata: { format: FORMAT, facts: canonicalJson(described) },
  });
}

/**
 * Reads a file back.
 *
 * @param file Named in errors
 * @throws {InputError} If it is not such a file, or its parts do not fit together
 */
export function decodeAdapterFile(bytes: Uint8Array, file: string): KeptAdapter {
  const { tensors, metadata } = readSafetensors(bytes, { file, finite: true });
  const fail = (why: string): never => {
    throw new InputError(`Cannot read adapter ${file}: ${why}`);
  };
  if (metadata["format"] !== FORMAT) {
    return fail(`found the format ${JSON.stringify(metadata["format"])}, wanted ${JSON.stringify(FORMAT)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(metadata["facts"] ?? "");
  } catch {
    return fail("found no facts, wanted them as JSON");
  }
  const parsed = facts.safeParse(json);
  if (!parsed.success) return fail(describeIssues(parsed.error));
  const { adapter: gain, classifier, ...origin } = parsed.data;
  return {
    ...origin,
    ...(gain && { adapter: readAdapter(tensors, gain, fail) }),
    ...(classifier && { classifier: readClassifier(tensors, classifier, fail) }),
  };
}

function readAdapter(
  tensors: NamedTensors,
  gain: Pick<Adapter, "scale" | "importance">,
  fail: (why: string) => never,
): Adapter {
  try {
    return orderSites({ ...adapterFromTensors(tensors, gain.scale), importance: gain.importance });
  } catch (error) {
    if (error instanceof RangeError) return fail(error.message);
    throw error;
  }
}

function readClassifier(
  tensors: NamedTensors,
  { kind, classNames }: Pick<KeptClassifier, "kind" | "classNames">,
  fail: (why: string) => never,
): KeptClassifier {
  const weight = tensors[HEAD_WEIGHT];
  const bias = tensors[HEAD_BIAS];
  const rows = classNames.length;
  if (weight?.shape.length !== 2 || weight.shape[0] !== rows || bias?.shape.join() !== `${rows}`) {
    return fail(
      `found a classifier of [${weight?.shape}] and [${bias?.shape}], wanted ${rows} rows for the class names`,
    );
  }
  return { kind, classNames, weight, bias };
}
