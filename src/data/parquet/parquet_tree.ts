/**
 * Data sets of Parquet files, such as `data/train-00000-of-00002.parquet` or `default/train/0000.parquet`.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { FileTree } from "../files/tree.ts";
import { refuseStandIn } from "../images/content.ts";
import { roleOf } from "../images/split_names.ts";
import { roleOfFile, type SampleTree, sampleTree } from "../sample_tree.ts";
import { openParquet } from "./parquet.ts";

/** Whether a path is one of a Parquet file. */
export function isParquetName(path: string): boolean {
  return /\.parquet$/i.test(path);
}

/**
 * The rows of all Parquet files of a tree.
 *
 * @param label Name of the column of labels, where it is not among the usual ones
 */
export function parquetTree(tree: FileTree, label?: string): SampleTree {
  let names: readonly string[] | undefined;
  const walk = async function* () {
    let folder: string | undefined;
    for await (const file of tree.walk()) {
      if (!isParquetName(file.path)) continue;
      const own = file.path.split("/").slice(0, -1).filter((part) => !roleOf(part)).join("/");
      if (folder !== undefined && own !== folder) {
        throw new InputError(
          `Cannot read ${tree.source}: found Parquet files in ${
            folder || "."
          } and ${own}, wanted one data set; ` +
            "name the folder of one",
        );
      }
      folder = own;
      const source = `${tree.source}: ${file.path}`;
      const bytes = await file.bytes();
      refuseStandIn(source, bytes);
      const images = openParquet(source, bytes, label);
      if (names && images.classNames && names.join("\0") !== images.classNames.join("\0")) {
        throw new InputError(
          `Cannot read ${source}: found other class names than in the files before, wanted the same`,
        );
      }
      names = images.classNames ?? names;
      const role = roleOfFile(file.path);
      let row = 0;
      for await (const { bytes, label } of images.rows()) {
        const path = `${file.path}/${String(row++).padStart(9, "0")}.jpg`;
        yield [{ path, label, role }, {
          path,
          size: bytes.length,
          bytes: () => Promise.resolve(bytes),
        }] as const;
      }
    }
  };
  return sampleTree(tree, walk, () => names);
}
