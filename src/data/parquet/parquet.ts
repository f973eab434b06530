/**
 * Rows of images and labels from Parquet files as the Hugging Face hub serves data sets: an image column with the bytes of
 * image files, a label column of numbers or texts, and the classes' names in the metadata.
 *
 * @module
 */
import { type FileMetaData, parquetMetadata, parquetReadObjects } from "hyparquet";
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { boundedCompressors, checkFooter, checkPages } from "./bounds.ts";

/** An image file with its label. */
export interface ParquetRow {
  readonly bytes: Uint8Array;
  /** A number or a name. */
  readonly label: string;
}

/** What a file holds. */
export interface ParquetImages {
  readonly count: number;
  /** Names of the classes, where the metadata has them; labels are places among them. */
  readonly classNames: readonly string[] | undefined;
  /** The rows in order, one group in memory at a time. */
  rows(): AsyncGenerator<ParquetRow>;
}

/** What the hub writes into the metadata. */
const Hub = z.object({
  info: z.object({
    features: z.record(
      z.string(),
      z.looseObject({ _type: z.string().optional(), names: z.array(z.string()).optional() }),
    ),
  }),
});

const IMAGE_COLUMNS = ["image", "img", "jpg", "png", "image_bytes", "bytes", "picture"];
const LABEL_COLUMNS = ["label", "labels", "fine_label", "class", "target", "category", "cls", "class_label"];

/**
 * Opens a file.
 *
 * @param source Name of the file, for messages
 * @param labelColumn Name of the column of labels, where it is not among the usual ones
 * @throws {InputError} If it is damaged, declares absurd sizes, or has no such columns
 */
export function openParquet(source: string, bytes: Uint8Array, labelColumn?: string): ParquetImages {
  const isWhole = bytes.byteLength === bytes.buffer.byteLength;
  const buffer = (isWhole ? bytes : bytes.slice()).buffer as ArrayBuffer;
  const metadata = inParquet(source, () => {
    checkFooter(bytes);
    return parquetMetadata(buffer);
  });
  const features = featuresOf(metadata);
  const columns = topLevel(metadata);
  const image = chooseColumn(source, features, columns);
  const label = chooseLabel(source, features, columns, labelColumn);
  inParquet(source, () =>
    checkPages(
      bytes,
      metadata,
      ([first, second]) =>
        first === label ||
        (first === image && (second === undefined || second === "bytes" || second === "path")),
    ));
  const classNames = features?.[label]?.names;
  return {
    count: Number(metadata.num_rows),
    classNames,
    async *rows() {
      for (let start = 0, group = 0; group < metadata.row_groups.length; group++) {
        const rowEnd = start + Number(metadata.row_groups[group]!.num_rows);
        const rows = await inParquetAsync(source, () =>
          parquetReadObjects({
            file: { byteLength: buffer.byteLength, slice: (from, to) => buffer.slice(from, to) },
            metadata,
            columns: [image, label],
            rowStart: start,
            rowEnd,
            utf8: false,
            compressors: boundedCompressors,
          }));
        for (const [i, row] of rows.entries()) {
          yield {
            bytes: imageOf(source, start + i, row[image]),
            label: labelOf(source, start + i, row[label], label),
          };
        }
        start = rowEnd;
      }
    },
  };
}

/** The features that the hub describes, if it does. */
function featuresOf(metadata: FileMetaData): z.infer<typeof Hub>["info"]["features"] | undefined {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  try {
    return text === undefined ? undefined : Hub.parse(JSON.parse(text)).info.features;
  } catch {
    return undefined;
  }
}

/** Names of the columns at the top, in order. */
function topLevel({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  const walk = (at: number, isTop: boolean): number => {
    const element = schema[at];
    if (!element) return at + 1;
    if (isTop) names.push(element.name);
    let next = at + 1;
    for (let i = 0; i < (element.num_children ?? 0) && next < schema.length; i++) next = walk(next, false);
    return next;
  };
  for (let at = 1; at < schema.length;) at = walk(at, true);
  return names;
}

function chooseColumn(
  source: string,
  features: ReturnType<typeof featuresOf>,
  columns: readonly string[],
): string {
  const described = Object.entries(features ?? {}).find(([name, { _type }]) =>
    _type === "Image" && columns.includes(name)
  );
  const chosen = described?.[0] ?? IMAGE_COLUMNS.find((name) => columns.includes(name));
  if (chosen !== undefined) return chosen;
  throw new InputError(
    `Cannot read ${source}: found the columns ${
      columns.slice(0, 10).join(", ")
    }, wanted one of images such as image or img`,
  );
}

function chooseLabel(
  source: string,
  features: ReturnType<typeof featuresOf>,
  columns: readonly string[],
  asked: string | undefined,
): string {
  const described = Object.entries(features ?? {}).filter(([name, { _type }]) =>
    _type === "ClassLabel" && columns.includes(name)
  ).map(([name]) => name);
  const chosen = asked ?? LABEL_COLUMNS.find((name) => described.includes(name)) ??
    (described.length === 1 ? described[0] : undefined) ??
    LABEL_COLUMNS.find((name) => columns.includes(name));
  if (chosen !== undefined && columns.includes(chosen)) return chosen;
  throw new InputError(
    `Cannot read ${source}: found the columns ${columns.slice(0, 10).join(", ")}, wanted ${
      asked ?? "one of labels such as label"
    }; choose with label=`,
  );
}

function imageOf(source: string, row: number, value: unknown): Uint8Array {
  const bytes = value instanceof Uint8Array || typeof value !== "object" || value === null
    ? value
    : (value as { readonly bytes?: unknown }).bytes;
  if (bytes instanceof Uint8Array) return bytes;
  throw new InputError(
    `Cannot read ${source}: found no bytes of the image in row ${row}, wanted an image file in each row`,
  );
}

function labelOf(source: string, row: number, value: unknown, column: string): string {
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "string") return `${value}`;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  throw new InputError(`Cannot read ${source}: found no ${column} in row ${row}, wanted a number or text`);
}

function inParquet<T>(source: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw damaged(source, error);
  }
}

async function inParquetAsync<T>(source: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw damaged(source, error);
  }
}

function damaged(source: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new InputError(
    `Cannot read ${source}: found a damaged Parquet file or one that is not read (${reason})`,
    {
      cause: error,
    },
  );
}
