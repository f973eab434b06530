/**
 * Tables on a terminal.
 *
 * @module
 */
import Table from "cli-table3";
import type { TableCell } from "../src/protocol/mod.ts";

/** A table whose first row is the header. */
export function formatTable([head, ...rows]: readonly (readonly TableCell[])[]): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(...[head ?? [], ...rows].map((row) => [...row]));
  return `${table.toString()}\n`;
}
