/**
 * A square matrix product by TensorFlow.js on WebGPU. Prints the least milliseconds as JSON.
 *
 * @module
 */
import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import "npm:@tensorflow/tfjs-backend-webgpu@4.22.0";
import { timeProducts } from "./time_products.ts";

const size = Number(Deno.args[0]);
if (!await tf.setBackend("webgpu")) throw new Error("tfjs finds no WebGPU");
await tf.ready();
// Entries of a product then have the size of its factors' entries.
const deviation = Math.sqrt(1 / size);
const [a, b] = [tf.randomNormal([size, size], 0, deviation), tf.randomNormal([size, size], 0, deviation)];

const milliseconds = await timeProducts(async (count) => {
  let c = tf.matMul(a, b);
  for (let i = 1; i < count; i++) {
    const next = tf.matMul(c, b);
    c.dispose();
    c = next;
  }
  await c.data();
  c.dispose();
});
console.log(JSON.stringify({ size, milliseconds }));
