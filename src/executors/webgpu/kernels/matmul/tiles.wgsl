// Batched product y = finish(op(a) op(b) + (u ∘ gain) op(v)) for GPUs: a workgroup copies tiles of a and b to
// workgroup memory, a thread multiplies one or two times one or two blocks of 4 rows by 4 columns in registers.
// A matrix of 4 vectors is a block: its column i is row i of a or y, its column j row j of b.
// Tiles keep the direction of the operand's memory, so that copies are whole quads, and consecutive threads read
// consecutive quads. Lines along k get one quad of padding after every 4, so that 8 threads reading 8 blocks meet 8
// different banks.
// Bindings: see the access prelude. Grid: a workgroup per tile and split of k, tiles of a row of tiles first.
// With splits, y is [split, batch, m, n] partial sums.

override THREADS_X: u32 = 16;
override THREADS_Y: u32 = 16;
override ROW_BLOCKS: u32 = 1; // 1 or 2
override COLUMN_BLOCKS: u32 = 1; // 1 or 2
override DEPTH: u32 = 16; // terms along k in a tile, a multiple of 8

override ROW_QUADS = THREADS_Y * ROW_BLOCKS;
override COLUMN_QUADS = THREADS_X * COLUMN_BLOCKS;
override DEPTH_QUADS = DEPTH / 4u;
override THREADS = THREADS_X * THREADS_Y;
override TILE_A = ROW_QUADS * (DEPTH + 1u);
override TILE_B = COLUMN_QUADS * (DEPTH + 1u);

var<workgroup> tile_a: array<vec4<f32>, TILE_A>;
var<workgroup> tile_b: array<vec4<f32>, TILE_B>;

// Where quad `depth` of a line along k lies.
fn slot(line: u32, depth: u32) -> u32 {
  return line * DEPTH_QUADS + line / 4u + depth;
}

// Fills the tiles with rows from `row` and columns from `column`, at k … k + DEPTH, zeros from k_end on.
fn load_tiles(a_base: u32, b_base: u32, row: u32, column: u32, k: u32, k_end: u32, lane: u32) {
  for (var i = lane; i < ROW_QUADS * DEPTH; i += THREADS) {
    if (A_TRANSPOSED) {
      let at = k + i / ROW_QUADS;
      let element = a_base + at * problem.m + row + i % ROW_QUADS * 4u;
      tile_a[i] = a_quad(element, select(0u, 4u, at < k_end));
    } else {
      let line = i / DEPTH_QUADS;
      let at = k + i % DEPTH_QUADS * 4u;
      let element = a_base + min(row + line, problem.m - 1u) * problem.k + at;
      tile_a[slot(line, i % DEPTH_QUADS)] = a_quad(element, k_end - min(at, k_end));
    }
  }
  for (var i = lane; i < COLUMN_QUADS * DEPTH; i += THREADS) {
    if (B_TRANSPOSED) {
      let line = i / DEPTH_QUADS;
      let at = k + i % DEPTH_QUADS * 4u;
      let element = b_base + min(column + line, problem.n - 1u) * problem.k + at;
      tile_b[slot(line, i % DEPTH_QUADS)] = b_quad(element, k_end - min(at, k_end));
    } else {
      let at = k + i / COLUMN_QUADS;
      let element = b_base + at * problem.n + column + i % COLUMN_QUADS * 4u;
      tile_b[i] = b_quad(element, select(0u, 4u, at < k_end));
    }
  }
}

// (u ∘ gain) at one row and k … k + 3. A row beyond the last gives what nothing stores.
fn u_quad(row: u32, k: u32) -> vec4<f32> {
  let i = min(row, problem.m - 1u) * problem.rank + k;
  var quad = vec4<f32>(u[i], u[i + 1u], u[i + 2u], u[i + 3u]);
  if (GAIN) {
    quad *= vec4<f32>(gain[k], gain[k + 1u], gain[k + 2u], gain[k + 3u]);
  }
  return keep(quad, problem.rank - k);
}

// op(v) along its rows as stored: k … k + 3 at one column, or one k at four columns.
fn v_quad(k: u32, column: u32) -> vec4<f32> {
  if (B_TRANSPOSED) {
    let i = min(column, problem.n - 1u) * problem.rank + k;
    return keep(vec4<f32>(v[i], v[i + 1u], v[i + 2u], v[i + 3u]), problem.rank - k);
  }
  let i = k * problem.n + column;
  return keep(vec4<f32>(v[i], v[i + 1u], v[i + 2u], v[i + 3u]), select(0u, 4u, k < problem.rank));
}

// The same as `load_tiles` for the low-rank operands.
fn load_low_rank_tiles(row: u32, column: u32, k: u32, lane: u32) {
  for (var i = lane; i < ROW_QUADS * DEPTH; i += THREADS) {
    let line = i / DEPTH_QUADS;
    let depth = i % DEPTH_QUADS;
    tile_a[slot(line, depth)] = u_quad(row + line, min(k + depth * 4u, problem.rank));
  }
  for (var i = lane; i < COLUMN_QUADS * DEPTH; i += THREADS) {
    if (B_TRANSPOSED) {
      let line = i / DEPTH_QUADS;
      let depth = i % DEPTH_QUADS;
      tile_b[slot(line, depth)] = v_quad(min(k + depth * 4u, problem.rank), column + line);
    } else {
      tile_b[i] = v_quad(k + i / COLUMN_QUADS, column + i % COLUMN_QUADS * 4u);
    }
  }
}

// Block of rows `quad` and quad `depth` of k of the tile of a.
fn a_block(quad: u32, depth: u32) -> mat4x4<f32> {
  if (A_TRANSPOSED) {
    let i = depth * 4u * ROW_QUADS + quad;
    return transpose(mat4x4<f32>(
      tile_a[i],
      tile_a[i + ROW_QUADS],
      tile_a[i + 2u * ROW_QUADS],
      tile_a[i + 3u * ROW_QUADS],
    ));
  }
  let i = slot(4u * quad, depth);
  return mat4x4<f32>(
    tile_a[i],
    tile_a[i + DEPTH_QUADS],
    tile_a[i + 2u * DEPTH_QUADS],
    tile_a[i + 3u * DEPTH_QUADS],
  );
}

// Block of quad `depth` of k and columns `quad` of the tile of b.
fn b_block(depth: u32, quad: u32) -> mat4x4<f32> {
  if (B_TRANSPOSED) {
    let i = slot(4u * quad, depth);
    return transpose(mat4x4<f32>(
      tile_b[i],
      tile_b[i + DEPTH_QUADS],
      tile_b[i + 2u * DEPTH_QUADS],
      tile_b[i + 3u * DEPTH_QUADS],
    ));
  }
  let i = depth * 4u * COLUMN_QUADS + quad;
  return mat4x4<f32>(
    tile_b[i],
    tile_b[i + COLUMN_QUADS],
    tile_b[i + 2u * COLUMN_QUADS],
    tile_b[i + 3u * COLUMN_QUADS],
  );
}

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = (problem.n + 4u * COLUMN_QUADS - 1u) / (4u * COLUMN_QUADS);
  let down = (problem.m + 4u * ROW_QUADS - 1u) / (4u * ROW_QUADS);
  let tile = group.x + group.y * groups.x;
  let layer = tile / (across * down);
  let batch = layer % problem.batches;
  let row = (tile / across) % down * 4u * ROW_QUADS;
  let column = tile % across * 4u * COLUMN_QUADS;
  let k_start = layer / problem.batches * problem.depth;
  let k_end = min(k_start + problem.depth, problem.k);
  // Only the first split adds the low-rank product.
  let rank = select(0u, problem.rank, k_start == 0u);
  let tiles = (max(k_end, k_start) - k_start + DEPTH - 1u) / DEPTH;

  // y_rc: row block r, column block c.
  var y_00 = mat4x4<f32>();
  var y_01 = mat4x4<f32>();
  var y_10 = mat4x4<f32>();
  var y_11 = mat4x4<f32>();
  for (var t = 0u; t < tiles + (rank + DEPTH - 1u) / DEPTH; t++) {
    workgroupBarrier();
    if (t < tiles) {
      load_tiles(
        batch * problem.m * problem.k,
        batch * problem.k * problem.n,
        row,
        column,
        k_start + t * DEPTH,
        k_end,
        lane,
      );
    } else {
      load_low_rank_tiles(row, column, (t - tiles) * DEPTH, lane);
    }
    workgroupBarrier();
    for (var depth = 0u; depth < DEPTH_QUADS; depth++) {
      let a_0 = a_block(thread.y, depth);
      let b_0 = b_block(depth, thread.x);
      y_00 += b_0 * a_0;
      if (ROW_BLOCKS > 1u) {
        y_10 += b_0 * a_block(thread.y + THREADS_Y, depth);
      }
      if (COLUMN_BLOCKS > 1u) {
        let b_1 = b_block(depth, thread.x + THREADS_X);
        y_01 += b_1 * a_0;
        if (ROW_BLOCKS > 1u) {
          y_11 += b_1 * a_block(thread.y + THREADS_Y, depth);
        }
      }
    }
  }

  let y_base = layer * problem.m * problem.n;
  let y_row = row + 4u * thread.y;
  let y_column = column + 4u * thread.x;
  store_block(y_base, y_row, y_column, y_00);
  if (ROW_BLOCKS > 1u) {
    store_block(y_base, y_row + 4u * THREADS_Y, y_column, y_10);
  }
  if (COLUMN_BLOCKS > 1u) {
    store_block(y_base, y_row, y_column + 4u * THREADS_X, y_01);
    if (ROW_BLOCKS > 1u) {
      store_block(y_base, y_row + 4u * THREADS_Y, y_column + 4u * THREADS_X, y_11);
    }
  }
}
