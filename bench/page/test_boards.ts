/**
 * Boards for tests of the page: one from records, whose names are as hostile as records may be, and one as large as
 * a page must bear.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { createBoard, detailsOf } from "../../src/protocol/mod.ts";
import type { Board, BoardSection, Estimate, RunDetail } from "../../src/protocol/mod.ts";
import { recordOf, type RecordParts } from "../../src/protocol/records/test_records.ts";

/** A name that runs code where it is taken for markup, ends a script, and turns what follows around. */
export const hostileName = `</script><img src=x onerror="alert(1)">'"\u202egnp.\u0000${"{{7*7}}"}`;

/** Steps that look random and are not. */
function noise(seed: number): () => number {
  let state = seed + 1;
  return () => (state = state * 48271 % 2147483647) / 2147483647;
}

/** Rows of shares: a task is learnt and forgotten. */
function matrixOf(tasks: number, level: number, seed: number): number[][] {
  const next = noise(seed * 131 + tasks);
  return Array.from(
    { length: tasks },
    (_, stage) =>
      Array.from(
        { length: stage + 1 },
        (_, task) =>
          Math.max(
            0,
            Math.min(1, level / (1 + 0.05 * (stage - task) + 0.02 * tasks) + 0.06 * (next() - 0.5)),
          ),
      ),
  );
}

/** A board of two heads and three numbers of tasks, and the details of its runs. */
export function smallBoard(): { readonly board: Board; readonly details: readonly RunDetail[] } {
  const levels: Record<string, number> = {
    ham: 0.62,
    simplecil: 0.3,
    joint: 0.85,
    ranpac: 0.6,
    layup: 0.55,
    ewc: 0.45,
    lwf: 0.4,
    naive: 0.35,
    derpp: 0.65,
    [hostileName]: 0.5,
  };
  const parts = Object.entries(levels).flatMap(([method, level], m) =>
    [2, 5, 10].flatMap((tasks) =>
      [0, 1, 2, 3, 4].flatMap((seed): RecordParts[] => {
        const common = { method, seed, matrix: matrixOf(tasks, level, m * 17 + seed), keptBytes: m * 4 ** m };
        const cost = {
          flopPerTestImage: 1e9 * (1 + m % 3),
          passesPerTestImage: 1 + m % 3,
          deployedBytes: 5e4,
          trainedNumbers: 8e3,
        };
        if (method === "lwf" && tasks === 10 && seed === 0) return [{ ...common, cost, status: "failed" }];
        if (method === "lwf" && tasks === 10 && seed === 1) return [];
        const heads = method === "ham" || method === "layup" ? ["ncm", "linear"] as const : ["ncm"] as const;
        return heads.map((head) => ({ ...common, cost, settings: { head } }));
      })
    )
  );
  const records = parts.map((part, i) => ({ path: `records/${i}.jsonl`, record: recordOf(part) }));
  const board = createBoard(records, {
    protagonist: "ham",
    problems: [{ path: `${hostileName}.jsonl`, message: "is no record" }],
  });
  const details = detailsOf(records).map((detail) =>
    detail.name.startsWith("ham-") ? { ...detail, facts: detail.images.map((_, i) => groupFacts(i)) } : detail
  );
  return { board, details };
}

/** A stream of three families, one of them as hostile as names may be, that comes twice; the backbone has seen the data. */
export function familyBoard(): { readonly board: Board; readonly details: readonly RunDetail[] } {
  const families = [["wool"], ["silk"], [hostileName], ["wool"], ["silk"], [hostileName]];
  const records = ["ham", "naive"].map((method, m) => ({
    path: `records/${method}.jsonl`,
    record: recordOf({
      method,
      matrix: matrixOf(6, 0.6, m),
      families,
      ...(method === "ham" && { facts: families.map((_, i) => groupFacts(i)) }),
      source: { overlap: [{ trainedOn: "cloth", by: "name", classes: 8 }] },
      cell: { stream: "recurring" },
    }),
  }));
  return { board: createBoard(records, { protagonist: "ham" }), details: detailsOf(records) };
}

/** Even tasks join one group, odd ones another. */
function groupFacts(index: number) {
  const before = Array.from({ length: index + 1 }, (_, i) => i);
  const members = [0, 1].map((rest) => before.filter((i) => i % 2 === rest)).filter((group) =>
    group.length > 0
  );
  return { members, similarity: members.map((_, i) => i === index % 2 ? 0.1 : -0.05), threshold: 0.02 };
}

/** 5,000 runs: five sections of 40 methods, five numbers of tasks and five seeds, with all pairs. */
export function largeBoard(): { readonly board: Board; readonly details: readonly RunDetail[] } {
  const next = noise(7);
  const [base] = smallBoard().board.sections;
  const methods = Array.from({ length: 40 }, (_, i) => ({
    label: i === 0 ? "ham" : `method-${i}`,
    method: i === 0 ? "ham" : `method-${i}`,
    options: {},
    class: i === 39 ? "bound" as const : i % 7 === 6 ? "buffer" as const : "plain" as const,
    family: ["merging", "prompts", "replay", "classifiers"][i % 4]!,
  }));
  const counts = [5, 10, 20, 50, 100];
  const seeds = [0, 1, 2, 3, 4];
  const estimate = (mean: number): Estimate => ({
    mean,
    deviation: 0.02 * next(),
    n: 5,
    interval: [mean - 0.02 * next(), mean + 0.02 * next()],
  });
  const names = Object.keys(
    base!.entries[0]!.figures,
  ) as (keyof BoardSection["entries"][number]["figures"])[];
  const hash = () =>
    Array.from({ length: 8 }, () => Math.floor(next() * 2 ** 32).toString(16).padStart(8, "0")).join("");
  const sections = Array.from({ length: 5 }, (_, s): BoardSection => {
    const id = `section${s}`;
    const runs = methods.flatMap(({ label }) =>
      counts.flatMap((tasks) =>
        seeds.map((seed) => {
          const name = `${label}-T${tasks}-s${seed}-${hash().slice(0, 12)}`;
          const figures = Object.fromEntries(names.map((figure) => [figure, next()]));
          const path = `runs/${id}/records/${name}.jsonl`;
          return {
            name,
            path,
            hash: hash(),
            method: label,
            tasks,
            seed: `${seed}`,
            status: "done" as const,
            figures,
          };
        })
      )
    );
    const byCell = Map.groupBy(runs, ({ method, tasks }) => `${tasks} ${method}`);
    const entries = methods.flatMap(({ label }) =>
      counts.map((tasks) => ({
        method: label,
        tasks,
        figures: Object.fromEntries(names.map((figure) => [figure, estimate(next())])),
        gapClosed: estimate(next()),
        runs: byCell.get(`${tasks} ${label}`)!.map(({ name }) => name),
        failed: [],
        missing: [],
      }))
    );
    const pairs = methods.flatMap((a, i) =>
      methods.slice(i + 1).filter((b) => b.class === a.class).map((b) => [a, b])
    );
    const comparisons = [...counts, "all" as const].flatMap((tasks) =>
      pairs.map(([a, b]) => ({
        a: a!.label,
        b: b!.label,
        tasks,
        difference: estimate(next() - 0.5),
        p: next(),
        pHolm: next(),
        leastP: 0.0625,
        superiority: next(),
        equivalence: { margin: 0.01, p: next(), pHolm: next() },
        verdict: "undecided" as const,
      }))
    );
    const fixed = {
      ...base!.fixed,
      dataset: { ...base!.fixed.dataset, name: `data-${s}`, fingerprint: hash() },
    };
    const bounds = { floor: "method-1", bound: "method-39" };
    return {
      ...base!,
      id,
      fixed,
      tasks: counts,
      methods,
      ...bounds,
      runs,
      entries,
      comparisons,
      rankings: [],
      leads: [],
    };
  });
  const details = sections.flatMap(({ runs }) =>
    runs.map(({ name, tasks }) => ({
      name,
      images: Array.from({ length: tasks }, () => 100),
      hits: Array.from({ length: tasks }, (_, i) =>
        Array.from({ length: i + 1 }, () => Math.floor(100 * next()))),
      facts: [],
    }))
  );
  return { board: { ...smallBoard().board, sections, problems: [] }, details };
}
