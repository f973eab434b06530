/**
 * Why something failed, in words for a user: codes of the operating system mean nothing to most.
 *
 * @module
 */

/** The message of an error without the system's code and the call that failed. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\(os error \d+\).*$/s, "").replace(/\.$/, "");
}
