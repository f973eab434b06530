/**
 * Saying in one line what a zod schema found wrong.
 *
 * @module
 */
import type { z } from "zod";

/** `config.heads: expected number, received string; std: …`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => {
    const what = message.replace(/^Invalid (input|option): /, "");
    return path.length > 0 ? `${path.join(".")}: ${what}` : what;
  }).join("; ");
}
