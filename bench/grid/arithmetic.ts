/**
 * A fingerprint of a backend's arithmetic. Native libraries choose their loops by the instructions of the processor,
 * and sums in another order round otherwise: what cannot be read from names is measured. Records with equal
 * fingerprints may be expected to have equal hashes; where fingerprints differ, hashes may.
 *
 * @module
 */
import { createRng, hashJson } from "../../src/core/mod.ts";
import { type Executor } from "../../src/executors/mod.ts";
import { trace } from "../../src/graph/mod.ts";
import * as ops from "../../src/graph/mod.ts";

/** Odd sizes, so that the ends of vectors and tiles take part. */
const ROWS = 33;
const INNER = 203;
const COLUMNS = 67;

const program = trace((graph) => {
  const a = graph.input("a", [ROWS, INNER]);
  const b = graph.input("b", [INNER, COLUMNS]);
  const ones = graph.input("ones", [COLUMNS]);
  const product = ops.matmul(a, b);
  graph.output("product", product);
  graph.output("norm", ops.layerNorm(product, ones, ones, 1e-6));
  graph.output("gelu", ops.gelu(product));
  graph.output("softmax", ops.softmax(product));
  graph.output("sum", ops.sum(product, { axes: [1] }));
});

/** Sixteen hexadecimal digits of the bits that fixed products, sums and functions give. */
export async function arithmeticOf(executor: Executor): Promise<string> {
  const rng = createRng(0, "arithmetic");
  const values = (size: number) => Float32Array.from({ length: size }, () => rng.normal());
  const executable = await executor.compile(program, {});
  try {
    const inputs = {
      a: values(ROWS * INNER),
      b: values(INNER * COLUMNS),
      ones: new Float32Array(COLUMNS).fill(1),
    };
    const outputs = await executable.run(inputs, Object.keys(program.outputs));
    return hashJson(Object.keys(program.outputs).map((name) => Array.from(outputs[name]!))).slice(0, 16);
  } finally {
    executable.dispose();
  }
}
