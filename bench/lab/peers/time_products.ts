/**
 * Times products that a library queues on a device: a chain, because a library may leave out what nobody reads, then
 * one read, less the time of one product and its read, so that the wait for the device (10 ms in Deno) does not count.
 *
 * @module
 */

const REPEATS = 5;
/** Products between two looks at the clock. */
const COUNT = 8;

/**
 * Milliseconds of one product, the least.
 *
 * @param chain Multiplies so many times and reads the last product
 */
export async function timeProducts(chain: (count: number) => Promise<void>): Promise<number> {
  const spent = async (count: number) => {
    const began = performance.now();
    await chain(count);
    return performance.now() - began;
  };
  await spent(2);
  const once: number[] = [];
  const many: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    once.push(await spent(1));
    many.push(await spent(1 + COUNT));
  }
  return (Math.min(...many) - Math.min(...once)) / COUNT;
}
