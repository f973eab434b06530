/**
 * Studies over the records of `fixtures/records/baseline`: 84 runs of the smoke suite.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { callCommand, inFolder } from "../test_kit.ts";
import { study } from "../commands/study.ts";
import { parseStudy, type Study } from "./definition.ts";
import { gatherRecords } from "./gather.ts";
import type { PartRecord } from "./records.ts";
import type { Sources } from "./template.ts";
import { viewsOf } from "./views.ts";

/** Where the records are. */
export const BASELINE = new URL("../../fixtures/records/baseline", import.meta.url).pathname;

const declaration = await Deno.readTextFile(new URL("./test_study.json", import.meta.url));

/** The study of the tests, changed. */
export function testStudy(changes: Partial<Study> = {}): Study {
  return { ...parseStudy(declaration, "test_study.json"), ...changes };
}

let records: readonly PartRecord[] | undefined;

/** The records, read once. */
export async function baseline(): Promise<readonly PartRecord[]> {
  return records ??= await gatherRecords([BASELINE], []);
}

/** What its templates are resolved from: all of the baseline, or what is left of it. */
export async function testSources(
  changes: Partial<Study> = {},
  isUsed: (record: PartRecord) => boolean = () => true,
): Promise<Sources> {
  const study = testStudy(changes);
  const parts = new Map([["smoke", (await baseline()).filter(isUsed)], ["later", []]]);
  return { study, parts, views: viewsOf(study, parts) };
}

/** Runs a test in a folder with README.md and a study without records. */
export function inStudy(test: (root: string) => Promise<void>): Promise<void> {
  return inFolder(async (root) => {
    await Deno.mkdir(`${root}/bench/study`, { recursive: true });
    await Deno.writeTextFile(`${root}/bench/study/study.json`, declaration);
    await Deno.writeTextFile(
      `${root}/README.md`,
      "# Mine\n\nBefore.\n\n<!-- study -->\n<!-- /study -->\n\nAfter.\n",
    );
    await test(root);
  });
}

/** Runs the command in such a folder. */
export function callStudy(root: string, ...args: string[]): ReturnType<typeof callCommand> {
  return callCommand(study, ["--root", root, ...args]);
}
