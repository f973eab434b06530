/**
 * Tables on a terminal.
 *
 * @module
 */
import Table from "cli-table3";

/** A table whose first row is the header. */
export function formatTable([head, ...rows]: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head ?? []], style: { head: [], border: [] } });
  table.push(...rows.map((row) => [...row]));
  return `${table.toString()}\n`;
}
