/**
 * Running cells, records and what is derived from them.
 *
 * @module
 */
export { absenceOf, DEPLOYED, hasAdapters, keptNames } from "./artifacts.ts";
export type {
  Board,
  BoardEntry,
  BoardMethod,
  BoardRun,
  BoardSection,
  Comparison,
  Estimate,
  Lead,
  MethodClass,
  Ranking,
  RunDetail,
} from "./board/board.ts";
export { familyNames, metricNames } from "./board/columns.ts";
export { type BoardOptions, createBoard, detailsOf } from "./board/create.ts";
export { renderCsv } from "./board/csv.ts";
export { type FigureName, figureNames, type RunFigures } from "./board/figures.ts";
export { detectable, type Power, powersOf, seedsFor } from "./board/power.ts";
export { type Bootstrap, createBootstrap } from "./board/statistics/bootstrap.ts";
export {
  formatBytes,
  formatCount,
  formatDifference,
  formatLead,
  formatPercent,
  formatSeconds,
} from "./board/format.ts";
export { type GrowthOptions, type GrowthTables, growthTables } from "./board/growth.ts";
export { renderJson, withoutTimes } from "./board/json.ts";
export { inert as inertMarkdown, renderMarkdown } from "./board/markdown.ts";
export {
  adjustedRandIndex,
  familyAgreement,
  familyTransfer,
  groupOfTasks,
  type PairEffects,
  pairEffects,
  type TaskFamilies,
} from "./board/families.ts";
export * from "./board/metrics.ts";
export { inBoardOrder } from "./board/order.ts";
export {
  type BlockValues,
  chooseRivals,
  type ChosenRival,
  type PairedDifference,
  pairedDifference,
} from "./board/paired.ts";
export { fixedParts, type FoundRecord, type Problem } from "./board/runs.ts";
export { type Claim, type Claimant, ClaimedError, type Machine } from "./claim.ts";
export { layoutOf, listRecords, placeOfRecord, RECORD_ENDING, type RunLayout } from "./layout.ts";
export type { EndEvent1, RunRecord1, StartEvent1, TaskEvent1 } from "./records/edition1.ts";
export { readRecordFile } from "./records/file.ts";
export { RecordError } from "./records/lines.ts";
export { type AnyRecord, parseCurrent, parseRecord, UnknownEditionError } from "./records/parse.ts";
export {
  type Cell,
  cellName,
  type Cost,
  type EndEvent,
  type EndFacts,
  type Environment,
  type EvaluateWhen,
  type Evaluation,
  isEvaluated,
  type RunRecord,
  type Seal,
  seedName,
  type Source,
  type StartEvent,
  type StartFacts,
  type TaskEvent,
  type TaskFacts,
} from "./records/record.ts";
export { type Facts, seal } from "./records/seal.ts";
export { type Edition, recordSchema } from "./records/json_schema.ts";
export { type Overlap, overlapOf } from "./overlap.ts";
export { checkReturning } from "./returning.ts";
export { cellOf, type Progress, runCell, type RunOptions } from "./run.ts";
export { optimiserOf, type ProtocolSettings, resolveSettings } from "./settings.ts";
export {
  type ArtifactStore,
  type CellStore,
  createFileStore,
  createMemoryStore,
  prepareFolder,
} from "./store.ts";
export { compareAll } from "./verify/agreement.ts";
export { countFigures } from "./verify/figures.ts";
export { checkBoard } from "./verify/leaderboard.ts";
export { type Check, describeFinding, type Finding, type Verification } from "./verify/finding.ts";
export {
  describeDifference,
  type Difference,
  environmentsOf,
  exactDifference,
  isSameKind,
  nearDifference,
  TOLERANCE,
} from "./verify/rerun.ts";
export { type KnownStreams, streamOfCell } from "./verify/split.ts";
export { type VerifyOptions, verifyText, withData } from "./verify/verify.ts";
