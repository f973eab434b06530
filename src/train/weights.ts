/**
 * A backbone on a device: once as it is, which backends may bake into their programs, and once more for the weights
 * that deployed adapters are folded into.
 *
 * @module
 */
import type { Bindings } from "../executors/program_cache.ts";
import type { DeviceTensor, Executor } from "../executors/executor.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import { foldAdapter, foldedNames } from "../nn/fold.ts";

/** See the module. */
export class BackboneWeights {
  readonly #executor: Executor;
  readonly #backbone: Backbone;
  readonly #plain: Readonly<Record<string, DeviceTensor>>;
  /** Weights that some adapter has changed; they stay changeable. */
  readonly #changeable: Record<string, DeviceTensor> = {};
  #folded: Adapter | undefined;

  constructor(executor: Executor, backbone: Backbone) {
    this.#executor = executor;
    this.#backbone = backbone;
    this.#plain = Object.fromEntries(
      Object.entries(backbone.weights).map(([label, { shape, data }]) => [
        label,
        executor.tensor({ shape, values: data, frozen: true, label }),
      ]),
    );
  }

  /** The frozen backbone. */
  get plain(): Bindings {
    return { key: "plain", states: this.#plain };
  }

  /** The backbone with an adapter folded in; valid until the next call with another adapter. */
  folded(adapter: Adapter): Bindings {
    const { config, weights } = this.#backbone;
    for (const name of foldedNames(config, adapter)) {
      const { shape, data } = weights[name]!;
      this.#changeable[name] ??= this.#executor.tensor({ shape, values: data, label: `folded ${name}` });
    }
    if (adapter !== this.#folded) {
      const values = foldAdapter(config, weights, adapter);
      for (const [name, tensor] of Object.entries(this.#changeable)) tensor.write(values[name]!.data);
      this.#folded = adapter;
    }
    const key = `folded ${Object.keys(this.#changeable).sort().join()}`;
    return { key, states: { ...this.#plain, ...this.#changeable } };
  }

  dispose(): void {
    for (const tensor of Object.values({ ...this.#plain })) tensor.dispose();
    for (const tensor of Object.values(this.#changeable)) tensor.dispose();
  }
}
