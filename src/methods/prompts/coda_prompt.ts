/**
 * CODA-Prompt (Smith et al., arXiv 2211.13218): a prompt is a weighted sum of components, so that choosing one is
 * trained end to end along with it.
 *
 * 1. A query q is the feature on the frozen backbone. Component m of a block weighs γ_m = cos(q ⊙ A_m, K_m), with a key
 *    K_m and an attention A_m over the entries of the query.
 * 2. The block's prompt Σ_m γ_m P_m is half keys, half values of its attention (prefix tuning).
 * 3. Each task opens components of its own, orthogonal to those before (Gram-Schmidt); only these train, under the
 *    cross-entropy over the task's classes + μ Σ_X mean((X Xᵀ - I)²) for X of P, K and A, over the open components.
 * 4. At test all components that were opened take part.
 *
 * Readings. The pool has a fixed size, since the number of tasks is not known; when it is used up, the last components
 * go on training. Where there are more components than entries, a new one is a random direction. The paper's released
 * runs have μ = 0.
 *
 * @module
 */
import { z } from "zod";
import type { Rng } from "../../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, div, matmul, mul, narrow, reshape, sqrt, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named } from "../method.ts";
import { mix } from "../pieces/selection.ts";
import { prefixed, unit, unprefixed } from "../pieces/tensors.ts";
import { promptMethod, type PromptParts, type Prompts, rateOption } from "./prompt_method.ts";

const options = z.strictObject({
  pool: z.int().min(1).default(100).describe("Components of a block that there can be"),
  perTask: z.int().min(1).default(5).describe("Components of a block that a task opens, at most the pool"),
  length: z.int().min(1).default(4).describe("Keys, and values, of a prompt: half of the paper's length"),
  blocks: z.int().min(1).default(5).describe("Blocks with prompts, from the first"),
  orthogonality: z.number().min(0).default(0.1).describe("Weight of the orthogonality of components (μ)"),
  promptRate: rateOption(5),
});

type CodaOptions = z.infer<typeof options>;

/** Of a block, or of all: components [..., m, size], keys and attentions [..., m, width]. */
const PARTS = ["components", "keys", "attentions"] as const;

/** γ [batch, m] of queries [batch, width], keys and attentions [m, width]: cos(q ⊙ A, K). */
export function componentWeights(query: Tensor, keys: Tensor, attentions: Tensor): Tensor {
  const inner = matmul(query, mul(attentions, unit(keys)), { transposeB: true });
  const squares = matmul(mul(query, query), mul(attentions, attentions), { transposeB: true });
  return div(inner, sqrt(add(squares, 1e-12)));
}

/** mean((X Xᵀ - I)²) over the open rows of X [m, size]; the other rows must be zero. */
export function orthogonality(rows: Tensor, open: Tensor): Tensor {
  const count = open.shape[0]!;
  const identity = rows.graph.make("constant", {
    data: Float64Array.from({ length: count ** 2 }, (_, i) => i % (count + 1) === 0 ? 1 : 0),
    shape: [count, count],
    dtype: "f32",
  }, []);
  const gap = sub(matmul(rows, rows, { transposeB: true }), mul(identity, reshape(open, [count, 1])));
  const opened = sum(open);
  return div(sum(mul(gap, gap)), mul(opened, opened));
}

/**
 * Rows of length 1, orthogonal to one another and to earlier ones, as far as there is room.
 *
 * @param earlier Rows of one size, one after the other
 */
export function orthogonalRows(
  earlier: ArrayLike<number>,
  count: number,
  size: number,
  rng: Rng,
): Float64Array {
  const all = [...Array(earlier.length / size).keys()].map((row) =>
    Float64Array.from({ length: size }, (_, i) => earlier[row * size + i]!)
  );
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((total, value, i) => total + value * y[i]!, 0);
  const result = new Float64Array(count * size);
  for (let row = 0; row < count; row++) {
    const drawn = Float64Array.from({ length: size }, () => rng.normal());
    const left = drawn.slice();
    // Earlier rows have been trained since: they are no longer of length 1.
    for (const other of all) {
      const squares = dot(other, other);
      if (squares < 1e-8) continue;
      const share = dot(other, left) / squares;
      for (let i = 0; i < size; i++) left[i]! -= share * other[i]!;
    }
    const hasRoom = dot(left, left) > 1e-6 * dot(drawn, drawn);
    const chosen = hasRoom ? left : drawn;
    const norm = Math.sqrt(dot(chosen, chosen));
    const unitRow = chosen.map((value) => value / norm);
    result.set(unitRow, row * size);
    all.push(unitRow);
  }
  return result;
}

/** The first component of a task's own, and how many are open with them. */
function own(
  tasks: number,
  { pool, perTask }: CodaOptions,
): { readonly first: number; readonly count: number } {
  const count = Math.min(perTask, pool);
  return { first: Math.min(tasks, Math.floor(pool / count) - 1) * count, count };
}

/** Rows of every block from some place on: of [blocks, m, size]. */
function rowsOf({ shape, data }: HostTensor, first: number, count: number): HostTensor {
  const [blocks, all, size] = shape as [number, number, number];
  const rows = hostTensor([blocks, count, size]);
  for (let block = 0; block < blocks; block++) {
    const from = (block * all + first) * size;
    rows.data.set(data.subarray(from, from + count * size), block * count * size);
  }
  return rows;
}

/** The tensor with other rows in that place. */
function withRows(tensor: HostTensor, first: number, rows: HostTensor): HostTensor {
  const [blocks, all, size] = tensor.shape as [number, number, number];
  const count = rows.shape[1]!;
  const data = tensor.data.slice();
  for (let block = 0; block < blocks; block++) {
    const from = block * count * size;
    data.set(rows.data.subarray(from, from + count * size), (block * all + first) * size);
  }
  return hostTensor(tensor.shape, data);
}

/** Fresh rows for a task in every block, orthogonal to those before them. */
function freshRows(tensor: HostTensor, first: number, count: number, rng: Rng): HostTensor {
  const [blocks, , size] = tensor.shape as [number, number, number];
  const rows = hostTensor([blocks, count, size]);
  const earlier = rowsOf(tensor, 0, first).data;
  for (let block = 0; block < blocks; block++) {
    const before = earlier.subarray(block * first * size, (block + 1) * first * size);
    const fresh = orthogonalRows(before, count, size, rng.stream(`block ${block}`));
    rows.data.set(fresh, block * count * size);
  }
  return rows;
}

function mapParts(make: (part: typeof PARTS[number]) => HostTensor): NamedTensors {
  return Object.fromEntries(PARTS.map((part) => [part, make(part)]));
}

const NEW = "new.";

/** Which components are open, and where in the pool those in training are: [pool], [pool, count]. */
function places(pool: number, open: number, count: number, first?: number): NamedTensors {
  const place = hostTensor([pool, count]);
  for (let i = 0; first !== undefined && i < count; i++) place.data[(first + i) * count + i] = 1;
  return { open: hostTensor([pool], Float32Array.from({ length: pool }, (_, i) => i < open ? 1 : 0)), place };
}

function parts(options: CodaOptions): PromptParts {
  const { pool, length, orthogonality: weight, promptRate } = options;
  const blocksOf = (kit: Pick<Kit, "config">) => Math.min(options.blocks, kit.config.depth);
  return {
    rate: promptRate,
    init(kit) {
      const [blocks, width] = [blocksOf(kit), featureWidth(kit.config)];
      const sizes = { components: 2 * length * kit.config.width, keys: width, attentions: width };
      return mapParts((part) => hostTensor([blocks, pool, sizes[part]]));
    },
    begin({ tensors, tasks }, kit) {
      const { first, count } = own(tasks, options);
      const isOpen = tasks * count > first;
      const rng = kit.rng(`components ${tasks}`);
      const start = mapParts((part) =>
        isOpen
          ? rowsOf(tensors[part]!, first, count)
          : freshRows(tensors[part]!, first, count, rng.stream(part))
      );
      const closed = mapParts((part) => withRows(tensors[part]!, first, hostTensor(start[part]!.shape)));
      return {
        start: prefixed(start, NEW),
        fixed: { ...closed, ...places(pool, first + count, count, first) },
      };
    },
    end({ tensors, tasks }, trained) {
      const { first } = own(tasks, options);
      return mapParts((part) => withRows(tensors[part]!, first, trained[NEW + part]!));
    },
    deployed({ tensors, tasks }: Prompts) {
      const { first, count } = own(tasks - 1, options);
      const none = mapParts((part) => rowsOf(tensors[part]!, 0, count));
      return { ...tensors, ...prefixed(none, NEW), ...places(pool, first + count, count) };
    },
    prompt(tensors, query, kit) {
      const fresh = unprefixed(tensors, NEW);
      const { open, place } = tensors as Named & Readonly<Record<"open" | "place", Tensor>>;
      const at = (block: number) => (part: typeof PARTS[number]) => {
        const rows = (tensor: Tensor) => reshape(narrow(tensor, 0, block, 1), tensor.shape.slice(1));
        return add(rows(tensors[part]!), matmul(place, rows(fresh[part]!)));
      };
      const [batch, blocks] = [query.shape[0]!, blocksOf(kit)];
      const penalties = Array.from(
        { length: blocks },
        (_, block) => PARTS.map(at(block)).map((rows) => orthogonality(rows, open)),
      ).flat();
      return {
        edits: {
          prefixes(block) {
            if (block >= blocks) return undefined;
            const part = at(block);
            const gamma = componentWeights(query, part("keys"), part("attentions"));
            const prompt = reshape(mix(gamma, part("components")), [batch, 2, length, kit.config.width]);
            const half = (index: number) =>
              reshape(narrow(prompt, 1, index, 1), [batch, length, kit.config.width]);
            return { keys: half(0), values: half(1) };
          },
        },
        once: mul(penalties.reduce((total, penalty) => add(total, penalty)), weight),
      };
    },
  };
}

/** CODA-Prompt. */
export const codaPrompt: MethodDefinition = defineMethod({
  name: "coda-prompt",
  summary: "Prefixes as sums of components weighted by attention to the frozen feature; tasks add components",
  source: "Smith et al., arXiv 2211.13218",
  family: "prompt",
  year: 2023,
  keeps: "A pool of components, keys and attentions of fixed size",
  passes: "Two: that of the query and the prompted one",
  options,
  create: (options) => promptMethod(parts(options)),
});
