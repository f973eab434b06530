/**
 * One run in plain words: what was run, what it knew after every task, what it forgot, where its mistakes went, what it
 * cost, and how it grouped its tasks. Everything follows from the record.
 *
 * @module
 */
import {
  forgetting,
  formatBytes,
  formatCount,
  plasticity,
  type RunRecord,
  seedName,
} from "../../src/protocol/mod.ts";
import { methods } from "../../src/methods/mod.ts";
import { formatDuration } from "../grid/progress.ts";
import { groupChapter } from "./groups.ts";
import { type Chapter, type Part, plain, type Report } from "./parts.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const points = (share: number): string => (100 * share).toFixed(1).replace("-", "−");
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
const bytes = (value: number): string => formatBytes({ mean: value, n: 1 });
const flop = (value: number): string => `${formatCount({ mean: value, n: 1 })}FLOP`;

/** Right answers and images of the tasks seen, after a task. */
interface Stage {
  readonly index: number;
  readonly hits: readonly number[];
  readonly own: readonly number[];
  readonly inTask: readonly number[];
}

function stagesOf({ tasks }: RunRecord): Stage[] {
  return tasks.flatMap(({ index, evaluation }) =>
    evaluation
      ? [{
        index,
        hits: evaluation.classIncremental,
        own: evaluation.taskIncremental,
        inTask: evaluation.taskInference,
      }]
      : []
  );
}

/** The report of a record. */
export function explain(record: RunRecord): Report {
  const { method, tasks } = record.start.cell;
  const stages = stagesOf(record);
  const images = record.tasks.map(({ images }) => images.test);
  return {
    title: `${plain(method)}, ${count(tasks, "task")}, seed ${seedName(record.start.cell)}: ${
      statusOf(record)
    }`,
    chapters: [
      whatWasRun(record),
      ...(stages.length > 0
        ? [
          accuracy(record, stages, images),
          forgotten(record, images),
          // Of domains every class belongs to every task.
          ...(record.start.cell.stream === "domains" ? [] : [mistakes(stages, images)]),
        ]
        : []),
      ...(record.tasks.length > 0 ? [costs(record)] : []),
      ...groupChapter(record),
    ],
  };
}

function statusOf({ end, tasks, start }: RunRecord): string {
  if (end?.status === "failed") return "failed";
  return end ? "finished" : `unfinished, ${tasks.length} of ${start.cell.tasks} tasks done`;
}

function whatWasRun({ start, end }: RunRecord): Chapter {
  const { cell, environment, source } = start;
  const { dataset, backbone, settings } = cell;
  const card = methods[cell.method as keyof typeof methods];
  const options = Object.entries(cell.options).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const sizes = (cell.taskSizes ?? []).join(", ");
  const stream = cell.stream === "domains"
    ? `${count(cell.tasks, "task")}, each of which shows all classes under a condition of its own`
    : sizes
    ? `tasks of ${sizes} classes`
    : cell.classesPerTask !== undefined
    ? `${count(cell.tasks, "task")} of ${
      count(cell.classesPerTask, "class").replace("classs", "classes")
    } each`
    : `${count(cell.tasks, "task")}, among which its classes were dealt out`;
  const kind = cell.stream === undefined ? "" : `, a stream "${cell.stream}"`;
  const seen = source?.overlap?.map(({ trainedOn, by, classes }) =>
    `The backbone has seen ${classes} of these classes in training on ${trainedOn} (known by ${by}).`
  );
  const spec = source?.data ? ` (${source.data.spec})` : "";
  const failure = end?.failure
    ? [`It failed in task ${end.failure.task + 1}, at step ${end.failure.step}: ${end.failure.message}.`]
    : [];
  const texts = [
    card
      ? `${card.name}: ${card.summary}. ${card.source}. It keeps: ${card.keeps.toLowerCase()}.`
      : `${cell.method}, which this program does not know.`,
    options.length > 0 ? `Options: ${options.join(", ")}.` : "It has no options.",
    `Data: ${dataset.name}${spec}, ${dataset.classes} classes, ${dataset.train} training and ${dataset.test} test ` +
    `images, in ${stream}${kind}. Order of classes by seed ${cell.orderSeed}, training by seed ${cell.trainSeed}.`,
    `Backbone ${backbone.id}, frozen; LoRA of rank ${settings.rank} on ${
      settings.targets.join(", ")
    }; classifier ` +
    `${settings.head}; ${
      count(settings.epochs, "epoch")
    } of ${settings.optimiser} at ${settings.learningRate}, ` +
    `batches of ${settings.batchSize}. Backend ${cell.backend}${onDevice(environment["device"])}.`,
    ...seen ?? [],
    ...failure,
  ];
  return { title: "What was run", parts: texts.map(plain) };
}

function onDevice(device: unknown): string {
  return typeof device === "string" ? ` on ${device}` : "";
}

function accuracy(record: RunRecord, stages: readonly Stage[], images: readonly number[]): Chapter {
  const { cell } = record.start;
  const shown = (of: (stage: Stage) => readonly number[]) =>
    record.tasks.map(({ index }) => {
      const stage = stages.find((stage) => stage.index === index);
      return stage ? sum(of(stage)) / sum(images.slice(0, index + 1)) : null;
    });
  const last = stages.at(-1)!;
  const seen = sum(images.slice(0, last.index + 1));
  const classes = new Set(record.tasks.slice(0, last.index + 1).flatMap(({ classes }) => classes)).size;
  const isDomains = cell.stream === "domains";
  const [all, own] = [sum(last.hits) / seen, sum(last.own) / seen];
  const plot: Part = {
    kind: "lines",
    title: "Right answers on the test images of all classes seen",
    x: "after task",
    y: "%",
    lines: [
      { name: "among all classes seen", values: shown(({ hits }) => hits) },
      ...(cell.stream === "domains"
        ? []
        : [{ name: "among the classes of the image's task", values: shown(({ own }) => own) }]),
    ],
  };
  const first = stages[0]!;
  const began = sum(first.hits) / sum(images.slice(0, first.index + 1));
  const course = stages.length > 1 ? [`After task ${first.index + 1} it was ${percent(began)}.`] : [];
  return {
    title: "Accuracy over time",
    parts: [
      [
        `After task ${last.index + 1} of ${cell.tasks}, ${
          percent(all)
        } of ${seen} test images of ${classes} classes were ` +
        `answered right; guessing gives ${percent(1 / classes)}.`,
        ...course,
        isDomains
          ? "Every task has all classes, so that it does not help to be told which task an image is from."
          : `Told which task an image is from, ${percent(own)} are right.`,
      ].join(" "),
      plot,
    ],
  };
}

function forgotten({ tasks }: RunRecord, images: readonly number[]): Chapter {
  const isDomains = tasks.some(({ condition }) => condition !== undefined);
  const matrix = tasks.map(({ evaluation }) =>
    evaluation?.classIncremental.map((hits, task) => hits / images[task]!)
  );
  const [lost, learnt] = [forgetting(matrix), plasticity(matrix)];
  const last = matrix.at(-1);
  if (lost === undefined || learnt === undefined || !last || tasks.length < 2) {
    return {
      title: "Forgetting",
      parts: ["There is no forgetting to tell of: it takes two tasks and a score after each of them."],
    };
  }
  const best = last.map((_, task) => Math.max(...matrix.slice(task, -1).map((row) => row![task]!)));
  const drops = last.slice(0, -1).map((final, task) => best[task]! - final);
  const worst = drops.indexOf(Math.max(...drops));
  return {
    title: "Forgetting",
    parts: [
      `Right after its training, a task's images were answered right in ${
        percent(learnt)
      } of cases on average. In the end, ` +
      `earlier tasks had lost ${points(lost)} points from their best; task ${worst + 1} lost most, ${
        points(drops[worst]!)
      } points.`,
      {
        kind: "bars",
        title: "Points lost from the best to the end",
        x: "task",
        y: "points",
        bars: drops.map((value, task) => ({ name: `${task + 1}`, value })),
      },
      {
        kind: "table",
        rows: [
          ["task", isDomains ? "condition" : "classes", "after training", "best", "in the end", "lost"],
          ...last.map((final, task) => [
            `${task + 1}`,
            plain(tasks[task]!.condition ?? `${tasks[task]!.classes.length}`),
            percent(matrix[task]![task]!),
            task < last.length - 1 ? percent(best[task]!) : "–",
            percent(final),
            task < last.length - 1 ? points(drops[task]!) : "–",
          ]),
        ],
      },
    ],
  };
}

function mistakes(stages: readonly Stage[], images: readonly number[]): Chapter {
  const { hits, inTask, index } = stages.at(-1)!;
  const seen = sum(images.slice(0, index + 1));
  const [right, found] = [sum(hits), sum(inTask)];
  const shares = inTask.map((value, task) => value / images[task]!);
  const least = shares.indexOf(Math.min(...shares));
  const most = shares.indexOf(Math.max(...shares));
  const wrong = seen - right;
  return {
    title: "Where images went",
    parts: [
      `In the end ${percent(found / seen)} of the images were taken for a class of their own task; task ${
        most + 1
      } kept ` +
      `most of its images (${percent(shares[most]!)}), task ${least + 1} fewest (${
        percent(shares[least]!)
      }).` +
      (wrong > 0
        ? ` Of ${count(wrong, "mistake")}, ${
          percent((seen - found) / wrong)
        } went to another task, the rest to a wrong ` +
          "class of the right one."
        : ""),
      {
        kind: "bars",
        title: "Images taken for a class of their own task",
        x: "task",
        y: "%",
        bars: shares.map((value, task) => ({ name: `${task + 1}`, value })),
      },
    ],
  };
}

function costs({ tasks }: RunRecord): Chapter {
  const { cost, keptBytes } = tasks.at(-1)!;
  const total = (of: (seconds: typeof tasks[number]["seconds"]) => number) =>
    sum(tasks.map(({ seconds }) => of(seconds)));
  const [train, method, evaluate] = [
    total(({ train }) => train),
    total(({ method }) => method),
    total(({ evaluate }) => evaluate),
  ];
  const steps = sum(tasks.map(({ training }) => training?.steps ?? 0));
  const trained = tasks.findLast(({ cost }) => cost?.flopPerTrainingImage !== undefined)?.cost;
  return {
    title: "Costs",
    parts: [
      `It took ${formatDuration(train + method + evaluate)}: ${formatDuration(train)} in ${
        count(steps, "training step")
      }, ${formatDuration(method)} in the rest of learning, ${
        formatDuration(evaluate)
      } in scoring. Seconds depend on the machine; what follows is ` +
      "counted.",
      `Between tasks it keeps ${bytes(keptBytes.method)}, and its classifier ${
        bytes(keptBytes.classifier)
      }.` +
      (cost
        ? ` A test image takes ${flop(cost.flopPerTestImage)} in ${
          count(cost.passesPerTestImage, "pass").replace("passs", "passes")
        } of the backbone, beside which ${bytes(cost.deployedBytes)} must be there.`
        : "") +
      (trained?.flopPerTrainingImage !== undefined
        ? ` A training image takes ${flop(trained.flopPerTrainingImage)} a step, which changes ${
          formatCount({ mean: trained.trainedNumbers, n: 1 })
        } numbers.`
        : " Nothing is trained by gradients."),
    ],
  };
}
