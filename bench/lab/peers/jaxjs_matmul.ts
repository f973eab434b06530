/**
 * A square matrix product by jax-js on WebGPU. Prints the least milliseconds as JSON.
 *
 * @module
 */
import { defaultDevice, init, jit, numpy as np } from "npm:@jax-js/jax@0.1";
import { timeProducts } from "./time_products.ts";

const size = Number(Deno.args[0]);
const devices = await init();
if (!devices.includes("webgpu")) throw new Error("jax-js finds no WebGPU");
defaultDevice("webgpu");
// Entries of a product then have the size of its factors' entries.
const scale = Math.sqrt(12 / size);
const values = () => Float32Array.from({ length: size * size }, () => scale * (Math.random() - 0.5));
const [a, b] = [np.array(values()).reshape([size, size]), np.array(values()).reshape([size, size])];
const product = jit((x: np.Array, y: np.Array) => np.matmul(x, y));

// A call consumes its operands; `ref` keeps them.
const milliseconds = await timeProducts(async (count) => {
  let c = product(a.ref, b.ref);
  for (let i = 1; i < count; i++) c = product(c, b.ref);
  await c.data();
});
console.log(JSON.stringify({ size, milliseconds }));
