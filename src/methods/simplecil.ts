/**
 * SimpleCIL (Zhou et al., arXiv 2303.07338): a pre-trained model needs no training to learn new classes.
 *
 * 1. Leave the backbone as it is.
 * 2. A class's prototype is the mean feature of its training images.
 * 3. Classify by the prototype of largest cosine. (Steps 2 and 3 are the policy `ncm`.)
 *
 * @module
 */
import { z } from "zod";
import { ncm } from "../classifiers/linear.ts";
import { adapterMethod } from "./adapter_method.ts";
import { defineMethod, type MethodDefinition } from "./definition.ts";
import { firstStart } from "./start.ts";

/** Frozen backbone and class means. */
export const simplecil: MethodDefinition = defineMethod({
  name: "simplecil",
  summary: "Frozen backbone with class means, no training",
  source: "Zhou et al., arXiv 2303.07338",
  family: "floor",
  anchor: "floor",
  year: 2023,
  keeps: "Nothing",
  options: z.strictObject({}),
  create: () =>
    adapterMethod({
      trains: "never",
      classifier: ncm,
      init: () => null,
      // Not called: nothing trains.
      begin: (_state, _task, kit) => ({ start: firstStart(kit) }),
      end: () => null,
      deploy: () => undefined,
    }),
});
