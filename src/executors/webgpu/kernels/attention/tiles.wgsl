// Attention for GPUs: y = softmax(scale q kᵀ) v by head, and its gradient, tile by tile of queries and keys, so that no
// matrix of scores is written (Dao et al., arXiv 2205.14135; gradient formulas as in registers.wgsl).
// A workgroup owns a tile of tokens. Its threads form a grid: a thread holds 4 rows (tokens of the tile) by 4 columns
// (tokens of the other kind) of scores, and of the result 4 rows by BLOCKS quads of components.
// Loops end where tokens or components do, which also keeps software adapters from unrolling them at great length.
// Tiles of vectors and of weights lie in workgroup memory; lines along k have one quad of padding after every 4.
// Grid: a workgroup per head and tile of tokens.

override THREADS_X: u32 = 8;
override THREADS_Y: u32 = 8;
override BLOCKS: u32 = 4; // quads of components a thread, 1 to 4: THREADS_X BLOCKS quads hold a head
override DEPTH_QUADS: u32 = 2; // quads of components multiplied at a time

override ROWS = 4u * THREADS_Y;
override COLUMNS = 4u * THREADS_X;
override THREADS = THREADS_X * THREADS_Y;
override HEAD_QUADS = THREADS_X * BLOCKS;
override ROWS_TILE = THREADS_Y * (4u * DEPTH_QUADS + 1u);
override COLUMNS_TILE = THREADS_X * (4u * DEPTH_QUADS + 1u);
override WEIGHTS_TILE = THREADS_Y * (4u * THREADS_X + 1u);
override VECTORS_TILE = 8u * HEAD_QUADS;

var<workgroup> rows_tile: array<vec4<f32>, ROWS_TILE>;
var<workgroup> columns_tile: array<vec4<f32>, COLUMNS_TILE>;
// Weights, a line for each row of the tile, along columns.
var<workgroup> weights_tile: array<vec4<f32>, WEIGHTS_TILE>;
// Eight tokens' vectors.
var<workgroup> vectors_tile: array<vec4<f32>, VECTORS_TILE>;
// One value for each row from every thread.
var<workgroup> lane_values: array<vec4<f32>, THREADS>;

fn slot(line: u32, depth: u32, quads: u32) -> u32 {
  return line * quads + line / 4u + depth;
}

struct Thread { x: u32, y: u32, lane: u32 }

// Inner products of the tile's tokens from `row` with those from `column`: column i of the matrix belongs to the
// thread's column i, component j to its row j.
fn inner_block(t: Thread, row_part: u32, row: u32, column_part: u32, column: u32) -> mat4x4<f32> {
  var products = mat4x4<f32>();
  for (var d = 0u; d < problem.head_dim; d += 4u * DEPTH_QUADS) {
    workgroupBarrier();
    for (var i = t.lane; i < ROWS * DEPTH_QUADS; i += THREADS) {
      let line = i / DEPTH_QUADS;
      let depth = i % DEPTH_QUADS;
      rows_tile[slot(line, depth, DEPTH_QUADS)] = part_quad(row_part, row + line, d + 4u * depth);
    }
    for (var i = t.lane; i < COLUMNS * DEPTH_QUADS; i += THREADS) {
      let line = i / DEPTH_QUADS;
      let depth = i % DEPTH_QUADS;
      columns_tile[slot(line, depth, DEPTH_QUADS)] = part_quad(column_part, column + line, d + 4u * depth);
    }
    workgroupBarrier();
    for (var depth = 0u; depth < min(DEPTH_QUADS, (problem.head_dim - d + 3u) / 4u); depth++) {
      let r = slot(4u * t.y, depth, DEPTH_QUADS);
      let c = slot(4u * t.x, depth, DEPTH_QUADS);
      let rows = mat4x4<f32>(
        rows_tile[r],
        rows_tile[r + DEPTH_QUADS],
        rows_tile[r + 2u * DEPTH_QUADS],
        rows_tile[r + 3u * DEPTH_QUADS],
      );
      let columns = mat4x4<f32>(
        columns_tile[c],
        columns_tile[c + DEPTH_QUADS],
        columns_tile[c + 2u * DEPTH_QUADS],
        columns_tile[c + 3u * DEPTH_QUADS],
      );
      products += transpose(rows) * columns;
    }
  }
  return products;
}

// What a thread holds of the result: its 4 rows at quads x, x + THREADS_X, … of components.
struct Blocks { b_0: mat4x4<f32>, b_1: mat4x4<f32>, b_2: mat4x4<f32>, b_3: mat4x4<f32> }

fn scale_blocks(blocks: Blocks, factors: vec4<f32>) -> Blocks {
  return Blocks(
    scale_columns(blocks.b_0, factors),
    scale_columns(blocks.b_1, factors),
    scale_columns(blocks.b_2, factors),
    scale_columns(blocks.b_3, factors),
  );
}

fn vectors_block(line: u32, quad: u32) -> mat4x4<f32> {
  let i = line * HEAD_QUADS + quad;
  return mat4x4<f32>(
    vectors_tile[i],
    vectors_tile[i + HEAD_QUADS],
    vectors_tile[i + 2u * HEAD_QUADS],
    vectors_tile[i + 3u * HEAD_QUADS],
  );
}

// Adds weights × vectors: `weights` are the thread's, with a column of the matrix for each of the thread's columns,
// which are tokens of `part` from `column`.
fn add_weighted(t: Thread, sums: Blocks, weights: mat4x4<f32>, part: u32, column: u32) -> Blocks {
  var result = sums;
  let by_row = transpose(weights);
  workgroupBarrier();
  let w = slot(4u * t.y, t.x, THREADS_X);
  weights_tile[w] = by_row[0];
  weights_tile[w + THREADS_X] = by_row[1];
  weights_tile[w + 2u * THREADS_X] = by_row[2];
  weights_tile[w + 3u * THREADS_X] = by_row[3];
  for (var start = 0u; start < min(COLUMNS, problem.tokens - column); start += 8u) {
    workgroupBarrier();
    for (var i = t.lane; i < 8u * HEAD_QUADS; i += THREADS) {
      vectors_tile[i] = part_quad(part, column + start + i / HEAD_QUADS, i % HEAD_QUADS * 4u);
    }
    workgroupBarrier();
    for (var quad = 0u; quad < min(2u, (problem.tokens - column - start + 3u) / 4u); quad++) {
      let i = slot(4u * t.y, start / 4u + quad, THREADS_X);
      let block = mat4x4<f32>(
        weights_tile[i],
        weights_tile[i + THREADS_X],
        weights_tile[i + 2u * THREADS_X],
        weights_tile[i + 3u * THREADS_X],
      );
      result.b_0 += vectors_block(4u * quad, t.x) * block;
      if (BLOCKS > 1u) {
        result.b_1 += vectors_block(4u * quad, t.x + THREADS_X) * block;
      }
      if (BLOCKS > 2u) {
        result.b_2 += vectors_block(4u * quad, t.x + 2u * THREADS_X) * block;
      }
      if (BLOCKS > 3u) {
        result.b_3 += vectors_block(4u * quad, t.x + 3u * THREADS_X) * block;
      }
    }
  }
  return result;
}

fn store_blocks(t: Thread, part: u32, row: u32, blocks: Blocks) {
  let token = row + 4u * t.y;
  store_block(part, token, 4u * t.x, blocks.b_0);
  if (BLOCKS > 1u) {
    store_block(part, token, 4u * (t.x + THREADS_X), blocks.b_1);
  }
  if (BLOCKS > 2u) {
    store_block(part, token, 4u * (t.x + 2u * THREADS_X), blocks.b_2);
  }
  if (BLOCKS > 3u) {
    store_block(part, token, 4u * (t.x + 3u * THREADS_X), blocks.b_3);
  }
}

// Per row, over the threads of a row of threads that have any columns.
fn maximum_over_columns(t: Thread, value: vec4<f32>) -> vec4<f32> {
  workgroupBarrier();
  lane_values[t.y * THREADS_X + t.x] = value;
  workgroupBarrier();
  var result = lane_values[t.y * THREADS_X];
  for (var x = 1u; x < min(THREADS_X, (problem.tokens + 3u) / 4u); x++) {
    result = max(result, lane_values[t.y * THREADS_X + x]);
  }
  return result;
}

fn sum_over_columns(t: Thread, value: vec4<f32>) -> vec4<f32> {
  workgroupBarrier();
  lane_values[t.y * THREADS_X + t.x] = value;
  workgroupBarrier();
  var result = lane_values[t.y * THREADS_X];
  for (var x = 1u; x < min(THREADS_X, (problem.tokens + 3u) / 4u); x++) {
    result += lane_values[t.y * THREADS_X + x];
  }
  return result;
}

// Enters the workgroup's head and returns the first token of the workgroup's tile.
fn start_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
  let i = group.x + group.y * groups.x;
  let tiles = (problem.tokens + ROWS - 1u) / ROWS;
  enter(i / tiles);
  return i % tiles * ROWS;
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = Thread(thread.x, thread.y, lane);
  let start = start_of(group, groups);
  var largest = vec4<f32>(NEVER);
  var total = vec4<f32>();
  var sums = Blocks();
  for (var column = 0u; column < problem.tokens; column += COLUMNS) {
    let key = column + 4u * t.x;
    let scores = mask_keys(problem.scale * inner_block(t, 0u, start, 1u, column), key);
    let before = largest;
    largest = max(largest, maximum_over_columns(t, maximum_of_columns(scores)));
    let shrink = exp(before - largest);
    let exponentials = exp_of_columns(scores, largest);
    // Each thread adds up its own columns.
    total = total * shrink + sum_of_columns(exponentials);
    sums = add_weighted(t, scale_blocks(sums, shrink), exponentials, 2u, column);
  }
  store_blocks(t, 3u, start, scale_blocks(sums, 1.0 / sum_over_columns(t, total)));
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn measure(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = Thread(thread.x, thread.y, lane);
  let start = start_of(group, groups);
  // Each thread sees its own columns until the end.
  var largest = vec4<f32>(NEVER);
  var total = vec4<f32>();
  var slope = vec4<f32>();
  for (var column = 0u; column < problem.tokens; column += COLUMNS) {
    let key = column + 4u * t.x;
    let scores = mask_keys(problem.scale * inner_block(t, 0u, start, 1u, column), key);
    let dweights = inner_block(t, 3u, start, 2u, column);
    let before = largest;
    largest = max(largest, maximum_of_columns(scores));
    let shrink = exp(before - largest);
    let exponentials = exp_of_columns(scores, largest);
    total = total * shrink + sum_of_columns(exponentials);
    slope = slope * shrink + sum_of_columns(multiply_elements(exponentials, dweights));
  }
  let shared_largest = maximum_over_columns(t, largest);
  let shrink = exp(largest - shared_largest);
  let inverse = 1.0 / sum_over_columns(t, total * shrink);
  let shared_slope = sum_over_columns(t, slope * shrink) * inverse;
  let query = start + 4u * t.y;
  if ((t.x == 0u) & (query < problem.tokens)) {
    store_all_statistics(query, mat4x4<f32>(shared_largest, inverse, shared_slope, vec4<f32>()));
  }
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn gradient_q(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = Thread(thread.x, thread.y, lane);
  let start = start_of(group, groups);
  let known = statistics_of(start + 4u * t.y);
  var dq = Blocks();
  for (var column = 0u; column < problem.tokens; column += COLUMNS) {
    let key = column + 4u * t.x;
    let scores = mask_keys(problem.scale * inner_block(t, 0u, start, 1u, column), key);
    let pair = pair_of(scores, inner_block(t, 3u, start, 2u, column), known);
    dq = add_weighted(t, dq, pair.slopes, 1u, column);
  }
  store_blocks(t, 0u, start, dq);
}

// Here rows are keys and columns queries, so that blocks of scores come transposed.
@compute @workgroup_size(THREADS_X, THREADS_Y)
fn gradient_kv(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = Thread(thread.x, thread.y, lane);
  let start = start_of(group, groups);
  var dk = Blocks();
  var dv = Blocks();
  for (var column = 0u; column < problem.tokens; column += COLUMNS) {
    let inner = transpose(inner_block(t, 1u, start, 0u, column));
    let scores = mask_keys(problem.scale * inner, start + 4u * t.y);
    let dweights = transpose(inner_block(t, 2u, start, 3u, column));
    let pair = pair_of(scores, dweights, statistics_of(column + 4u * t.x));
    dv = add_weighted(t, dv, transpose(pair.weights), 3u, column);
    dk = add_weighted(t, dk, transpose(pair.slopes), 0u, column);
  }
  store_blocks(t, 1u, start, dk);
  store_blocks(t, 2u, start, dv);
}
