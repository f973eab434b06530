/**
 * GDumb (Prabhu, Torr and Dokania, ECCV 2020): how far a balanced buffer alone takes you. It learns nothing from the
 * stream; before every test it trains from scratch on what is stored.
 *
 * 1. Greedy balanced sampling: an image is stored while there is room; else it replaces a random image of the largest
 *    class, unless its own class is one of the largest.
 * 2. Train a fresh adapter, with a fresh classifier, on the buffer, over all classes seen.
 * 3. Deploy it.
 *
 * The paper trains a network from random weights; here it is an adapter on the frozen backbone.
 *
 * @module
 */
import { z } from "zod";
import type { Rng } from "../../core/rng.ts";
import type { Split } from "../../data/dataset.ts";
import { adapterMethod, type AdapterMethodState } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential, type SequentialState } from "../naive.ts";
import { sizeOption } from "./er.ts";
import { joinImages, pickImages, rowsByClass } from "./herding.ts";

/** Images with their labels. */
type Stored = { readonly images: Uint8Array; readonly labels: Int32Array; readonly count: number };

/** What is stored, and the model that was trained on it. */
export type GdumbState = {
  readonly stored: Stored;
  readonly seen: readonly number[];
  readonly model: AdapterMethodState<SequentialState>;
};

/**
 * Step 1, for all images of a task one after another. Those of a class stay in the order in which they came.
 *
 * @param classes All that occur in either set
 */
export function greedilyBalanced(
  stored: Split,
  offered: Split,
  classes: readonly number[],
  size: number,
  rng: Rng,
): Split {
  const all = joinImages(stored, offered);
  const kept = rowsByClass(stored.labels, classes);
  let held = stored.count;
  for (let row = stored.count; row < all.count; row++) {
    const own = kept.get(all.labels[row]!)!;
    if (held < size) held++;
    else {
      const largest = Math.max(...[...kept.values()].map(({ length }) => length));
      if (own.length === largest) continue;
      const candidates = [...kept.values()].filter(({ length }) => length === largest);
      const from = candidates[rng.integer(candidates.length)]!;
      from.splice(rng.integer(from.length), 1);
    }
    own.push(row);
  }
  return pickImages(all, [...kept.values()].flat());
}

/** GDumb. */
export const gdumb: MethodDefinition = defineMethod({
  name: "gdumb",
  summary: "A balanced buffer, and a fresh adapter trained on nothing else",
  source: "Prabhu, Torr and Dokania, ECCV 2020",
  family: "replay",
  year: 2020,
  adapted: "A fresh adapter on the frozen backbone instead of a network from scratch",
  keeps: "The buffer, and the adapter trained on it",
  buffer: "Images with their labels, a byte a pixel",
  options: z.strictObject({ size: sizeOption }),
  create({ size }) {
    const model = adapterMethod({ trains: "task", ...sequential });
    return {
      sees: "task",
      init: (kit): GdumbState => ({
        stored: { images: new Uint8Array(), labels: new Int32Array(), count: 0 },
        seen: [],
        model: model.init(kit),
      }),
      async learn({ stored, seen }: GdumbState, task, kit): Promise<GdumbState> {
        const classes = [...new Set([...seen, ...task.classes])];
        const rng = kit.rng(`balanced ${task.index}`);
        const train = greedilyBalanced(stored, task.train, classes, size, rng);
        // It is the first task of a model that has seen nothing.
        const whole = { index: 0, classes, lossClasses: classes, train };
        return { stored: train, seen: classes, model: await model.learn(model.init(kit), whole, kit) };
      },
      deploy: ({ model: state }: GdumbState, kit) => model.deploy(state, kit),
      classifierOf({ model: state, stored, seen }: GdumbState, kit) {
        const split = model.classifierOf!(state, kit);
        return { ...split, rest: { stored, seen, model: split.rest } };
      },
      facts: ({ stored }: GdumbState) => ({ stored: stored.count }),
    };
  },
});
