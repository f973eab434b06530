/**
 * Data sets, their readers and checks, and seeded streams of tasks.
 *
 * @module
 */
export type { Augmentation } from "./augment.ts";
export type { CacheOptions } from "./cache.ts";
export { checkDataset, type DatasetReport, type Oddity, type SplitCounts } from "./check.ts";
export { numpyPermutation, orderOf } from "./class_order.ts";
export type { ImageShape } from "./conditions/pixels.ts";
export { imagesOf, type TaskImages } from "./conditions/task_images.ts";
export { type Dataset, limitClasses, limitPerClass, type Split } from "./dataset.ts";
export { download, type DownloadOptions, type RemoteFile } from "./download.ts";
export {
  type DatasetKind,
  type DatasetKindName,
  datasetKinds,
  guessKind,
  type LoadDataOptions,
} from "./kinds.ts";
export { isDatasetKind, loadDataset, mixedParts } from "./load.ts";
export type { Preprocessing } from "./preprocess.ts";
export type { Part } from "./procedural/family.ts";
export { parseProceduralSpec, type ProceduralOptions, type Scheme } from "./procedural/procedural.ts";
export {
  classesReturn,
  createStream,
  type StreamCut,
  type StreamKind,
  streamKinds,
  type StreamOptions,
  type StreamTask,
  type StructuredStream,
  structuredStreams,
  type TaskStream,
} from "./stream.ts";
