/**
 * How a product is cut into tiles: what a thread and a workgroup compute, and into how many parts k is split. The
 * order of preference is a rule of thumb; the tuner may know better.
 *
 * @module
 */
import { ceilDiv, type LoweringContext } from "../../kernel.ts";
import { sizeClass } from "../cover.ts";

/** Sizes that decide a tiling. */
export interface ProductSizes {
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** A tiling for one product. */
export interface Tiling {
  readonly body: "registers" | "tiles";
  readonly constants: Readonly<Record<string, number>>;
  /** Threads of a workgroup side by side. */
  readonly threadsX: number;
  /** Rows and columns of y that a workgroup computes. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Terms along k in a step. */
  readonly step: number;
  readonly splits: number;
  /** Terms along k in a split, a multiple of `step` if there are several. */
  readonly depth: number;
}

/** Blocks of 4 rows and columns a thread, and threads a workgroup. */
interface Layout {
  readonly body: "registers" | "tiles";
  readonly rowBlocks: 1 | 2;
  readonly columnBlocks: 1 | 2;
  readonly threadsX: number;
  readonly threadsY: number;
  readonly step: number;
}

/**
 * For adapters that compute on the CPU. A workgroup is two vectors of 8 lanes; thin results take a column of threads.
 * The larger block is a little faster and takes twice as long to compile.
 */
function registerLayouts({ batches, m, n, k }: ProductSizes): Record<string, Layout> {
  const layout = (rowBlocks: 1 | 2, columnBlocks: 1 | 2): Layout => {
    const threadsX = Math.min(16, 2 ** Math.ceil(Math.log2(ceilDiv(n, 4 * columnBlocks))));
    return { body: "registers", rowBlocks, columnBlocks, threadsX, threadsY: 16 / threadsX, step: 4 };
  };
  const small = { "registers-4x4": layout(1, 1) };
  const large = { "registers-8x4": layout(2, 1), "registers-8x8": layout(2, 2) };
  return batches * m * n * k < 2 ** 25 ? { ...small, ...large } : { ...large, ...small };
}

/** For GPUs, named by rows and columns of a tile and of a thread. */
const tileLayouts: Readonly<Record<string, Layout>> = {
  "tiles-128x128-8x8": tile(2, 2, 16, 16, 8),
  "tiles-64x64-8x8": tile(2, 2, 8, 8, 16),
  "tiles-128x64-8x4": tile(2, 1, 16, 16, 16),
  "tiles-64x64-4x4": tile(1, 1, 16, 16, 16),
  "tiles-32x32-4x4": tile(1, 1, 8, 8, 16),
  "tiles-64x16-4x4": tile(1, 1, 4, 16, 16),
  "tiles-16x64-4x4": tile(1, 1, 16, 4, 16),
  "tiles-64x8-4x4": tile(1, 1, 2, 16, 16),
  "tiles-8x64-4x4": tile(1, 1, 16, 2, 16),
};

function tile(
  rowBlocks: 1 | 2,
  columnBlocks: 1 | 2,
  threadsX: number,
  threadsY: number,
  step: number,
): Layout {
  return { body: "tiles", rowBlocks, columnBlocks, threadsX, threadsY, step };
}

/** Workgroups that keep a device busy, below which k is split, and the least k worth a split of its own. */
const enough = { software: 8, hardware: 96 } as const;
const LEAST_DEPTH = 64;

function tilesOf({ m, n, batches }: ProductSizes, layout: Layout): number {
  return batches * ceilDiv(m, rowsOf(layout)) * ceilDiv(n, columnsOf(layout));
}

function rowsOf({ rowBlocks, threadsY }: Layout): number {
  return 4 * rowBlocks * threadsY;
}

function columnsOf({ columnBlocks, threadsX }: Layout): number {
  return 4 * columnBlocks * threadsX;
}

function bytesOf(layout: Layout): number {
  return layout.body === "registers" ? 0 : 4 * (rowsOf(layout) + columnsOf(layout)) * (layout.step + 1);
}

function splitsOf(sizes: ProductSizes, layout: Layout, software: boolean): number {
  const wanted = ceilDiv(enough[software ? "software" : "hardware"], tilesOf(sizes, layout));
  const splits = Math.max(1, Math.min(wanted, Math.floor(sizes.k / LEAST_DEPTH)));
  return ceilDiv(sizes.k, depthOf(sizes.k, splits, layout.step));
}

/** Terms along k of a split, of which the last may have fewer. */
function depthOf(k: number, splits: number, step: number): number {
  return splits === 1 ? k : ceilDiv(ceilDiv(k, splits), step) * step;
}

/** Expected time in arbitrary units: elements computed, wasted ones included, over rate and occupancy. */
function cost(sizes: ProductSizes, layout: Layout): number {
  const tiles = tilesOf(sizes, layout);
  const loadsPerProduct = (layout.rowBlocks + layout.columnBlocks) / (layout.rowBlocks * layout.columnBlocks);
  const occupancy = Math.min(1, tiles * splitsOf(sizes, layout, false) / enough.hardware);
  return tiles * rowsOf(layout) * columnsOf(layout) * (1 + loadsPerProduct) / occupancy;
}

/** Chooses the tiling of a product. */
export function chooseTiling(sizes: ProductSizes, context: LoweringContext): Tiling {
  const { software } = context;
  const ordered = Object.entries(tileLayouts)
    .filter(([, layout]) =>
      layout.threadsX * layout.threadsY <= context.maxInvocations &&
      bytesOf(layout) <= context.maxWorkgroupStorageBytes
    )
    .sort(([, a], [, b]) => cost(sizes, a) - cost(sizes, b));
  const layouts = new Map([
    ...(software ? [] : ordered),
    ...Object.entries(registerLayouts(sizes)),
    ...(software ? ordered : []),
  ]);
  const names = [...layouts].flatMap(([name, layout]) =>
    splitsOf(sizes, layout, software) > 1 ? [`${name}-split`, name] : [name]
  );
  const { batches, m, n, k, transposeA, transposeB } = sizes;
  const operands = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  const shapeClass = `${operands} ${[batches, m, n, k].map(sizeClass).join("x")}`;
  const name = context.variant("matmul", shapeClass, names);
  const layout = layouts.get(name.replace("-split", ""))!;
  const { body, rowBlocks, columnBlocks, threadsX, threadsY, step } = layout;
  const splits = name.endsWith("-split") ? splitsOf(sizes, layout, software) : 1;
  return {
    body,
    constants: {
      ROW_BLOCKS: rowBlocks,
      COLUMN_BLOCKS: columnBlocks,
      ...(body === "tiles" ? { THREADS_X: threadsX, THREADS_Y: threadsY, DEPTH: step } : {}),
    },
    threadsX,
    tileRows: rowsOf(layout),
    tileColumns: columnsOf(layout),
    step,
    splits,
    depth: depthOf(k, splits, step),
  };
}
