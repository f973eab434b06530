import assert from "node:assert/strict";
import type { LoweringContext } from "../../kernel.ts";
import { chooseTiling, type ProductSizes } from "./tilings.ts";

interface Asked {
  readonly context: LoweringContext;
  variants: readonly string[];
}

function asking(limits: Partial<LoweringContext>, forced?: string): Asked {
  const asked: Asked = {
    variants: [],
    context: {
      software: false,
      maxInvocations: 256,
      maxWorkgroupStorageBytes: 16_384,
      scratch: (label, size) => ({ kind: "scratch", label, size }),
      variant(_family, _shapeClass, variants) {
        asked.variants = variants;
        return variants.find((variant) => variant === forced) ?? variants[0]!;
      },
      ...limits,
    },
  };
  return asked;
}

function sizes(m: number, n: number, k: number, batches = 1): ProductSizes {
  return { batches, m, n, k, transposeA: false, transposeB: false };
}

const shapes = [
  sizes(1, 1, 1),
  sizes(1088, 8, 128),
  sizes(8, 128, 1088),
  sizes(3, 5, 131, 2),
  sizes(64, 10, 129),
  sizes(1000, 1000, 1000),
  sizes(65_537, 2, 3),
];

Deno.test("chooseTiling() covers k with splits of which none is empty, in every variant", () => {
  for (const software of [false, true]) {
    for (const shape of shapes) {
      const asked = asking({ software });
      chooseTiling(shape, asked.context);
      for (const variant of asked.variants) {
        const { splits, depth, step } = chooseTiling(shape, asking({ software }, variant).context);
        assert.ok(
          splits * depth >= shape.k && (splits - 1) * depth < shape.k,
          `${variant} ${JSON.stringify(shape)}`,
        );
        assert.ok(splits === 1 || depth % step === 0);
        assert.equal(splits > 1, variant.endsWith("-split"));
      }
    }
  }
});

Deno.test("chooseTiling() takes registers on software adapters and tiles on others", () => {
  for (const shape of shapes) {
    assert.equal(chooseTiling(shape, asking({ software: true }).context).body, "registers");
    assert.equal(chooseTiling(shape, asking({}).context).body, "tiles");
  }
});

Deno.test("chooseTiling() fits tiles to the result: thin ones to thin results, the large only to large", () => {
  const rows = (shape: ProductSizes) => chooseTiling(shape, asking({}).context);
  assert.ok(rows(sizes(1088, 8, 128)).tileColumns <= 16);
  assert.ok(rows(sizes(8, 1024, 128)).tileRows <= 16);
  assert.equal(rows(sizes(4096, 4096, 64)).tileColumns, 128);
  assert.ok(rows(sizes(256, 256, 64)).tileColumns <= 64);
});

Deno.test("chooseTiling() splits a long inner size where the result alone cannot occupy the device", () => {
  assert.ok(chooseTiling(sizes(8, 128, 1088), asking({}).context).splits > 4);
  assert.ok(chooseTiling(sizes(8, 128, 1088), asking({ software: true }).context).splits > 1);
  assert.equal(chooseTiling(sizes(2048, 2048, 1088), asking({}).context).splits, 1);
});

Deno.test("chooseTiling() offers nothing that the device cannot run", () => {
  const few = asking({ maxInvocations: 64 });
  chooseTiling(sizes(512, 512, 512), few.context);
  assert.ok(few.variants.includes("tiles-64x64-8x8"));
  assert.ok(!few.variants.includes("tiles-64x64-4x4"));
  const small = asking({ maxWorkgroupStorageBytes: 5000 });
  chooseTiling(sizes(512, 512, 512), small.context);
  assert.ok(small.variants.includes("tiles-32x32-4x4"));
  assert.ok(!small.variants.includes("tiles-64x64-8x8"));
});
