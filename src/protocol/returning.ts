/**
 * Methods that are of no use where classes come back in later tasks, and say so.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { classesReturn, type TaskStream } from "../data/stream.ts";
import type { Method } from "../methods/method.ts";

/**
 * Refuses methods whose rule takes every class for one task's, on a stream in which classes come back.
 *
 * @throws {InputError} If there is one of them
 */
export function checkReturning(
  methods: readonly Pick<Method, "name" | "needsNewClasses">[],
  stream: Pick<TaskStream, "tasks" | "classOrder">,
): void {
  if (!classesReturn(stream)) return;
  const wrong = new Map(
    methods.flatMap(({ name, needsNewClasses }) =>
      needsNewClasses === undefined ? [] : [[name, needsNewClasses] as const]
    ),
  );
  if (wrong.size === 0) return;
  const reasons = [...wrong].map(([name, why]) => `${name} (${why[0]!.toLowerCase()}${why.slice(1)})`);
  throw new InputError(
    `Cannot run ${[...wrong.keys()].join(", ")} on a stream whose classes come back in later tasks: found ${
      reasons.join(", ")
    }, wanted methods that do not need new classes`,
  );
}
