/**
 * The rate of a large matrix product on a backend: what the rate of a whole program is compared with.
 *
 * @module
 */
import { type Executor } from "../../src/executors/mod.ts";
import { costOf, trace } from "../../src/graph/mod.ts";
import * as ops from "../../src/graph/mod.ts";

/** Side of the matrices: large enough for full speed, small enough for the caches of a processor. */
const SIDE = 512;

/** Products between two waits for the device. */
const PRODUCTS = 4;

/** A product that can be timed again and again, in turn with what it is compared with. */
export interface GemmRate {
  /** FLOP/s of the best measurement so far, after another one. */
  measure(): Promise<number>;
}

/** Prepares the product. Its tensors live as long as the executor. */
export async function createGemmRate(executor: Executor): Promise<GemmRate> {
  const shape = [SIDE, SIDE];
  const values = new Float32Array(SIDE ** 2).fill(1 / SIDE);
  const [a, b] = ["a", "b"].map((label) => executor.tensor({ shape, label, values })) as [
    ReturnType<Executor["tensor"]>,
    ReturnType<Executor["tensor"]>,
  ];
  // Each product reads the one before, so none can be left out.
  const program = trace((graph) => {
    graph.update("a", ops.matmul(graph.state("a", shape), graph.state("b", shape)));
  });
  const { flop } = costOf(program);
  const executable = await executor.compile(program, { a, b });
  await executable.run({});
  await a.read();
  let best = 0;
  return {
    async measure() {
      const began = performance.now();
      for (let i = 0; i < PRODUCTS; i++) await executable.run({});
      await a.read();
      best = Math.max(best, 1e3 * PRODUCTS * flop / (performance.now() - began));
      return best;
    },
  };
}
