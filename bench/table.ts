/**
 * Tables on a terminal.
 *
 * @module
 */
import Table from "cli-table3";

/** Width where standard output is no terminal. */
const WIDTH = 100;

/** A table whose first row is the header. */
export function formatTable([head, ...rows]: readonly (readonly string[])[]): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(...[head ?? [], ...rows].map((row) => [...row]));
  return `${table.toString()}\n`;
}

/** The same with a rule below the header and none between rows, for many of them. */
export function formatDense(rows: readonly (readonly string[])[]): string {
  const none = { "left-mid": "", "mid": "", "mid-mid": "", "right-mid": "" };
  const table = new Table({ style: { head: [], border: [] }, chars: none });
  table.push(...rows.map((row) => [...row]));
  const [top = "", head = "", ...others] = table.toString().split("\n");
  const rule = top.replace("┌", "├").replaceAll("┬", "┼").replace("┐", "┤");
  return [top, head, rule, ...others, ""].join("\n");
}

/** Characters in a line of the terminal that standard output is. */
export function terminalWidth(): number {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : WIDTH;
}
