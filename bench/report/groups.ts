/**
 * How a method that groups its tasks grouped them, such as HAM.
 *
 * @module
 */
import { z } from "zod";
import { familyAgreement, type RunRecord } from "../../src/protocol/mod.ts";
import { type Chapter, plain } from "./parts.ts";

const schema = z.object({
  members: z.array(z.array(z.int().min(0))),
  joined: z.int().min(0).optional(),
  similarity: z.array(z.number()).optional(),
  threshold: z.number().nullish(),
});

/** The chapter on groups; none where the method does not tell of any. */
export function groupChapter({ tasks }: RunRecord): Chapter[] {
  const told = tasks.flatMap(({ index, facts }) => {
    const { data } = schema.safeParse(facts);
    return data ? [{ index, ...data }] : [];
  });
  const last = told.at(-1);
  if (!last) return [];
  const sizes = last.members.map((members) => members.length);
  const families = tasks.map(({ families }) => families?.map(plain).join(", "));
  const isOfFamilies = families.every((own) => own !== undefined);
  const agreement = familyAgreement(last.members, tasks.map(({ families }) => families));
  const groupOf = (index: number, members: readonly (readonly number[])[]) =>
    members.findIndex((group) => group.includes(index));
  return [{
    title: "Groups of tasks",
    parts: [
      `In the end there are ${sizes.length} group${sizes.length === 1 ? "" : "s"}, of ${
        sizes.join(", ")
      } tasks. ` +
      "Adapters of one group are merged first, then the groups." +
      (agreement === undefined
        ? ""
        : ` Held against the families that tasks were drawn from, their adjusted Rand index is ${
          agreement.toFixed(2).replace("-", "−")
        }: 1 if the groups are the families, 0 if they are no nearer to them than by chance.`),
      {
        kind: "table",
        rows: [
          ["group", "tasks", ...(isOfFamilies ? ["families"] : [])],
          ...last.members.map((members, group) => [
            `${group + 1}`,
            members.map((task) => task + 1).join(", "),
            ...(isOfFamilies ? [[...new Set(members.map((task) => families[task]))].join("; ")] : []),
          ]),
        ],
      },
      {
        kind: "table",
        rows: [
          ["task", ...(isOfFamilies ? ["family"] : []), "went to", "which was", "similarity", "needed"],
          ...told.map(({ index, members, similarity = [], threshold }) => {
            const group = groupOf(index, members);
            const others = (members[group] ?? []).filter((task) => task !== index);
            return [
              `${index + 1}`,
              ...(isOfFamilies ? [families[index]!] : []),
              group < 0 ? "–" : `group ${group + 1}`,
              others.length === 0 ? "new" : `tasks ${others.map((task) => task + 1).join(", ")}`,
              similarity.length > 0 ? Math.max(...similarity).toFixed(3).replace("-", "−") : "–",
              typeof threshold === "number" ? threshold.toFixed(3).replace("-", "−") : "–",
            ];
          }),
        ],
      },
    ],
  }];
}
