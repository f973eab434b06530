/**
 * Settles which variant of a kernel family runs for a class of shapes: forced by the caller, else measured, else the
 * family's own first choice. Measuring happens at compilation and only if asked for.
 *
 * @module
 */
import type { Program } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { createContext, type Profile, type VariantQuestion } from "./context.ts";
import type { DeviceDescription } from "./device.ts";
import type { LoweringContext } from "./kernel.ts";
import { schedule, type Step } from "./schedule.ts";
import type { TuningTable } from "./tuner.ts";

/** The choices of one executor. */
export class Variants {
  readonly #description: DeviceDescription;
  readonly #profile: Profile;
  readonly #forced: Readonly<Record<string, string>>;
  readonly #table: TuningTable;
  readonly #inUse = new Map<string, string>();

  /** @param forced Variants by family */
  constructor(
    description: DeviceDescription,
    profile: Profile,
    forced: Readonly<Record<string, string>>,
    table: TuningTable,
  ) {
    this.#description = description;
    this.#profile = profile;
    this.#forced = forced;
    this.#table = table;
  }

  /** Every choice made so far, as details of the backend. */
  get inUse(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#inUse].sort());
  }

  /** The context to lower with. */
  context(): LoweringContext {
    return this.#context({
      answered: ({ family, shapeClass }, answer) =>
        void this.#inUse.set(`variant ${family} ${shapeClass}`, answer),
    });
  }

  /**
   * Measures the variants of every choice in a program that is not settled yet.
   *
   * @param time Seconds that the dispatches of one node take
   */
  async tune(program: Program, time: (steps: readonly Step[]) => Promise<number>): Promise<void> {
    // A settled choice may lead to kernels that ask further questions.
    for (;;) {
      const open = this.#openQuestions(program);
      if (open.length === 0) return;
      for (const { question: { family, shapeClass, variants }, node } of open) {
        const seconds = new Map<string, number>();
        for (const variant of variants) {
          const measured = (otherFamily: string, otherClass: string) =>
            otherFamily === family && otherClass === shapeClass ? variant : undefined;
          const { steps } = schedule(program, () => this.#context({ measured }));
          seconds.set(variant, await time(steps.filter((step) => step.node === node)));
        }
        this.#table.settle(family, shapeClass, seconds);
      }
    }
  }

  /** Each with the first node that asks it. */
  #openQuestions(program: Program): { readonly question: VariantQuestion; readonly node: Tensor }[] {
    const open = new Map<string, { readonly question: VariantQuestion; readonly node: Tensor }>();
    schedule(program, (node) =>
      this.#context({
        answered: (question) => {
          const { family, shapeClass } = question;
          if (family in this.#forced || this.#table.variant(family, shapeClass) !== undefined) return;
          const key = `${family} ${shapeClass}`;
          if (!open.has(key)) open.set(key, { question, node });
        },
      }));
    return [...open.values()];
  }

  #context({ measured, answered = () => {} }: {
    /** Goes before the table. */
    readonly measured?: (family: string, shapeClass: string) => string | undefined;
    readonly answered?: (question: VariantQuestion, answer: string) => void;
  }): LoweringContext {
    return createContext(this.#description, this.#profile, {
      forced: this.#forced,
      measured: (family, shapeClass) =>
        measured?.(family, shapeClass) ?? this.#table.variant(family, shapeClass),
      answered,
    });
  }
}
