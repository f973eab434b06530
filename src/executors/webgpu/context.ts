/**
 * What kernels may know while lowering, and how the variant of a family is settled: forced by the caller, else
 * measured by the tuner, else the family's own first choice.
 *
 * @module
 */
import type { DeviceDescription } from "./device.ts";
import type { LoweringContext } from "./kernel.ts";

/** Which rules of thumb kernels follow: those of the adapter (`auto`), or those of one kind of adapter. */
export type Profile = "auto" | "software" | "hardware";

/** A choice a family asked for. */
export interface VariantQuestion {
  readonly family: string;
  readonly shapeClass: string;
  readonly variants: readonly string[];
}

/** How variants are settled. */
export interface VariantRules {
  /** By family; ignored where the family does not offer the variant for a node. */
  readonly forced: Readonly<Record<string, string>>;
  /** What the tuner found. */
  measured(family: string, shapeClass: string): string | undefined;
  /** Called with every question that leaves a choice, and its answer. */
  answered(question: VariantQuestion, answer: string): void;
}

/** Creates the context of one lowering. */
export function createContext(
  description: DeviceDescription,
  profile: Profile,
  rules: VariantRules,
): LoweringContext {
  return {
    software: profile === "auto" ? description.software : profile === "software",
    maxInvocations: description.limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupStorageBytes: description.limits.maxComputeWorkgroupStorageSize,
    scratch: (label, size) => ({ kind: "scratch", label, size }),
    variant<V extends string>(family: string, shapeClass: string, variants: readonly V[]): V {
      const wanted = [rules.forced[family], rules.measured(family, shapeClass)];
      const answer = wanted.map((name) => variants.find((variant) => variant === name)).find((v) => v) ??
        variants[0];
      if (answer === undefined) {
        throw new TypeError(`Cannot choose a variant of ${family} for ${shapeClass}: none is offered`);
      }
      if (variants.length > 1) rules.answered({ family, shapeClass, variants }, answer);
      return answer;
    },
  };
}
