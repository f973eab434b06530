/**
 * Procedural data by their settings, made once and then kept.
 *
 * @module
 */
import { cached, type CacheOptions } from "../cache.ts";
import type { Dataset } from "../dataset.ts";
import { parseProceduralSpec, proceduralDataset } from "./procedural.ts";

/** Images from which on they are kept. */
const CACHED_IMAGES = 5000;

/**
 * Makes images, or takes them from the cache where they are many: a thousand classes take minutes. What the generator
 * makes of a few is part of the entry's name, so that none outlives a change of the generator.
 */
export async function loadProcedural(settings: string, { cache }: CacheOptions): Promise<Dataset> {
  const spec = parseProceduralSpec(settings);
  const { classes, trainPerClass, testPerClass } = spec;
  if (classes * (trainPerClass + testPerClass) < CACHED_IMAGES) return proceduralDataset(spec);
  const probe = proceduralDataset({ ...spec, classes: 32, trainPerClass: 1, testPerClass: 1, size: 8 });
  // A folder that cannot be written to costs time only: nothing is said of it.
  return await cached(
    { kind: "procedural", ...spec, probe: probe.fingerprint },
    cache === undefined ? {} : { cache },
    () => Promise.resolve(proceduralDataset(spec)),
  );
}
