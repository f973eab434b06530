/**
 * How long a cell takes, by counting: what its method does per training image, per test image and per task, as
 * multiples of two units that are measured on the machine in hand. The multiples are in `method_costs.json`, which
 * `fit_costs.ts` makes from records; a method that is not in it counts as `naive`.
 *
 * @module
 */
import type { Method } from "../../src/methods/mod.ts";
import { type EvaluateWhen, isEvaluated, type ProtocolSettings } from "../../src/protocol/mod.ts";
import known from "./method_costs.json" with { type: "json" };

/** Seconds on the machine in hand, with as many cells at a time as there will be. */
export interface Units {
  /** A training step of one LoRA adapter, by its images. */
  readonly step: number;
  /** A forward pass, by its images. */
  readonly forward: number;
}

/** What a task of a cell gives to do. */
export interface Drivers {
  /** Rows of training steps: epochs times images of the task, in whole batches. */
  readonly trained: number;
  /** Images of the task, once. */
  readonly images: number;
  /** Tasks so far. */
  readonly tasks: number;
  /** Classes so far. */
  readonly classes: number;
  /** Test images of all tasks so far, where the method is scored; else 0. */
  readonly tests: number;
}

/** What a method does, in units: `trained` in steps, everything else in forward passes. */
export interface MethodCost {
  /** Per image that training steps see. */
  readonly trained?: number;
  /** Per image of the task. */
  readonly images?: number;
  /** Per task. */
  readonly task?: number;
  /** Per task and task so far, of learning. */
  readonly tasks?: number;
  /** Per task and class so far, of learning. */
  readonly classes?: number;
  /** Per test image. */
  readonly tests?: number;
  /** Per task and task so far, of deploying. */
  readonly deploy?: number;
}

/** Of a task, what is counted; lengths are numbers of images. */
export interface CountedTask {
  readonly classes: readonly number[];
  readonly train: { readonly length: number };
  readonly test: { readonly length: number };
}

/** Seconds of a task. */
export interface TaskCost {
  /** Training and the method's own work. */
  readonly learn: number;
  /** Deploying and scoring. */
  readonly evaluate: number;
}

const { methods, heads } = known as {
  readonly methods: Readonly<Record<string, MethodCost>>;
  readonly heads: Readonly<Record<string, MethodCost>>;
};

/** What a method costs under a head; that of `naive` if it was never measured. */
export function costOf(method: string, head: string): readonly MethodCost[] {
  return [methods[method] ?? methods["naive"]!, heads[head] ?? {}];
}

/** Whether a method has been measured. */
export function isMeasured(method: string): boolean {
  return Object.hasOwn(methods, method);
}

/** What each task of a cell gives to do. */
export function driversOf(
  { sees }: Pick<Method, "sees">,
  tasks: readonly CountedTask[],
  settings: Pick<ProtocolSettings, "epochs" | "firstEpochs" | "batchSize">,
  when?: EvaluateWhen,
): Drivers[] {
  const last = tasks.length - 1;
  const known = new Set<number>();
  const classes = tasks.map((task) => (task.classes.forEach((label) => known.add(label)), known.size));
  const seen = (index: number, of: (task: CountedTask) => number) =>
    tasks.slice(0, index + 1).reduce((sum, task) => sum + of(task), 0);
  return tasks.map(({ train }, index) => {
    if (sees === "all" && index < last) return { trained: 0, images: 0, tasks: 0, classes: 0, tests: 0 };
    const images = sees === "all" ? seen(index, (task) => task.train.length) : train.length;
    const epochs = index === 0 ? settings.firstEpochs ?? settings.epochs : settings.epochs;
    return {
      trained: epochs * settings.batchSize * Math.ceil(images / settings.batchSize),
      images,
      tasks: index + 1,
      classes: classes[index]!,
      tests: isEvaluated(when, index, tasks.length) ? seen(index, ({ test }) => test.length) : 0,
    };
  });
}

/** Seconds of each task of a cell. */
export function taskCosts(
  costs: readonly MethodCost[],
  drivers: readonly Drivers[],
  { step, forward }: Units,
): TaskCost[] {
  const total = (of: (cost: MethodCost) => number) => costs.reduce((sum, cost) => sum + of(cost), 0);
  const trained = total((cost) => cost.trained ?? 0);
  const images = total((cost) => cost.images ?? 0);
  const task = total((cost) => cost.task ?? 0);
  const tasks = total((cost) => cost.tasks ?? 0);
  const classes = total((cost) => cost.classes ?? 0);
  const tests = total((cost) => cost.tests ?? 0);
  const deploy = total((cost) => cost.deploy ?? 0);
  return drivers.map((given) => {
    const present = given.tasks > 0 ? task : 0;
    return {
      learn: step * trained * given.trained +
        forward * (images * given.images + present + tasks * given.tasks + classes * given.classes),
      evaluate: forward * (tests * given.tests + deploy * given.tasks),
    };
  });
}

/** Seconds of all tasks. */
export function totalSeconds(costs: readonly TaskCost[]): number {
  return costs.reduce((sum, { learn, evaluate }) => sum + learn + evaluate, 0);
}
