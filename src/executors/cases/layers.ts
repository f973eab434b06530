/**
 * Cases of the layers of a transformer and their gradients.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import type { GeluKind } from "../../graph/ops.ts";
import { between, given, type LeafSpec, MANY_ROWS, normal, type OpCase, opCase, size } from "./case.ts";

const kinds: readonly GeluKind[] = ["erf", "tanh"];
const geluShapes: readonly Shape[] = [[], [1], [7], [4, 65], [2, 3, 17], [1000, 3]];
/** Where the tails of the gate vanish, and where its argument overflows float32 if it is not bounded. */
const geluEdges = [0, 1e-4, 5, -5, 20, -20, 300, -300];

function geluCase(kind: GeluKind, label: string, x: LeafSpec): readonly OpCase[] {
  const { shape } = x;
  return [
    // 1 + tanh of the gate cancels, so a small result has the rounding errors of 1.
    opCase("gelu", `${kind} ${label}`, { x }, { length: 1, scale: 1 }, ({ x }) => fn.gelu(x, kind)),
    opCase(
      "geluGrad",
      `${kind} ${label}`,
      { x, dy: normal(shape) },
      { length: 1 },
      ({ x, dy }, graph) => graph.make("geluGrad", { kind }, [x, dy]),
    ),
  ];
}

const geluCases = kinds.flatMap((kind) => [
  ...geluShapes.flatMap((shape) => geluCase(kind, size(shape), between(shape, -4, 4))),
  ...geluCase(kind, "edge values", given([geluEdges.length], geluEdges)),
]);

const normShapes: readonly Shape[] = [
  [1],
  [7],
  [3, 1],
  [3, 5],
  [2, 3, 4],
  [4, 63],
  [4, 64],
  [5, 65],
  [2, 17, 128],
  [3, 1000],
  [MANY_ROWS, 4],
];

function layerNormCases(label: string, x: LeafSpec, epsilon: number): readonly OpCase[] {
  const width = x.shape.at(-1)!;
  const gamma = normal([width], 1, 0.3);
  return [
    opCase(
      "layerNorm",
      label,
      { x, gamma, beta: normal([width]) },
      { length: width },
      ({ x, gamma, beta }) => fn.layerNorm(x, gamma, beta, epsilon),
    ),
    opCase(
      "layerNormGrad",
      label,
      { x, gamma, dy: normal(x.shape) },
      { length: width },
      ({ x, gamma, dy }, graph) => graph.make("layerNormGrad", { epsilon }, [x, gamma, dy]),
    ),
  ];
}

const normCases = [
  ...normShapes.flatMap((shape) => layerNormCases(size(shape), normal(shape, 1, 2), 1e-6)),
  // The mean square minus the squared mean would lose four digits here.
  ...layerNormCases("far from zero", normal([5, 65], 100), 1e-6),
  ...layerNormCases("constant rows", given([3, 64], [3]), 1e-5),
];

/** Leading axes of x, inputs, outputs. */
const linears: readonly (readonly [lead: Shape, inputs: number, outputs: number])[] = [
  [[1], 1, 1],
  [[3], 5, 1],
  [[1], 7, 5],
  [[5], 1, 3],
  [[4], 8, 12],
  [[17], 13, 11],
  [[33], 64, 64],
  [[16], 63, 65],
  [[2, 3], 5, 7],
  [[2, 17], 32, 96],
  [[2, 2, 3], 4, 8],
  [[MANY_ROWS], 3, 2],
];

const ranked = [
  ...Array.from({ length: 12 }, (_, i) => [[5], 8, 12, i + 1] as const),
  ...[1, 3, 4, 8].map((rank) => [[2, 17], 33, 31, rank] as const),
  [[65], 64, 192, 8] as const,
  [[2, 1, 3], 5, 7, 2] as const,
  [[MANY_ROWS], 2, 3, 1] as const,
];

/** Batch, tokens, heads, head width. */
const attentions: readonly (readonly [batch: number, tokens: number, heads: number, headDim: number])[] = [
  [1, 1, 1, 1],
  [1, 1, 2, 3],
  [2, 5, 1, 4],
  [3, 5, 2, 3],
  [1, 17, 3, 5],
  [2, 17, 4, 8],
  [2, 16, 2, 16],
  [1, 33, 4, 7],
  [2, 65, 2, 32],
  [1, 64, 1, 2],
  [1, 130, 1, 3],
  [70, 3, 3, 2],
];

function attentionCases(
  label: string,
  [batch, tokens, heads, headDim]: readonly [number, number, number, number],
  deviation: number,
): readonly OpCase[] {
  const qkv = normal([batch, tokens, 3 * heads * headDim], 0, deviation);
  const name = `${label}batch ${batch} tokens ${tokens} heads ${heads} of ${headDim}`;
  return [
    opCase("attention", name, { qkv }, { length: tokens + headDim }, ({ qkv }) => fn.attention(qkv, heads)),
    opCase(
      "attentionGrad",
      name,
      { qkv, dy: normal([batch, tokens, heads * headDim]) },
      { length: tokens + headDim },
      ({ qkv, dy }, graph) => graph.make("attentionGrad", { heads }, [qkv, dy]),
    ),
  ];
}

const allAttentionCases = [
  ...attentions.flatMap((sizes) => attentionCases("", sizes, 1)),
  ...attentionCases("sharp ", [2, 9, 2, 4], 6),
];

const only = (op: string) => (testCase: OpCase) => testCase.op === op;

/** Cases by op. */
export const layerCases = {
  gelu: geluCases.filter(only("gelu")),
  geluGrad: geluCases.filter(only("geluGrad")),
  layerNorm: normCases.filter(only("layerNorm")),
  layerNormGrad: normCases.filter(only("layerNormGrad")),
  linear: linears.map(([lead, inputs, outputs]) =>
    opCase(
      "linear",
      `${size(lead)} rows ${inputs} to ${outputs}`,
      { x: normal([...lead, inputs]), w: normal([outputs, inputs]), bias: normal([outputs]) },
      { length: inputs },
      ({ x, w, bias }) => fn.linear(x, w, bias),
    )
  ),
  loraLinear: ranked.map(([lead, inputs, outputs, rank]) =>
    opCase(
      "loraLinear",
      `${size(lead)} rows ${inputs} to ${outputs} rank ${rank}`,
      {
        x: normal([...lead, inputs]),
        w: normal([outputs, inputs]),
        bias: normal([outputs]),
        a: normal([rank, inputs]),
        b: normal([outputs, rank]),
        gain: normal([rank]),
      },
      { length: inputs * rank },
      ({ x, w, bias, a, b, gain }) => fn.loraLinear(x, w, bias, a, b, gain),
    )
  ).concat([
    opCase(
      "loraLinear",
      "u of its own",
      {
        x: normal([6, 5]),
        w: normal([7, 5]),
        bias: normal([7]),
        u: normal([6, 3]),
        b: normal([7, 3]),
        gain: normal([3]),
      },
      { length: 8 },
      ({ x, w, bias, u, b, gain }, graph) => graph.make("loraLinear", {}, [x, w, bias, u, b, gain]),
    ),
  ]),
  attention: allAttentionCases.filter(only("attention")),
  attentionGrad: allAttentionCases.filter(only("attentionGrad")),
} satisfies Record<string, readonly OpCase[]>;
