// Batched product y = finish(op(a) op(b) + (u ∘ gain) op(v)) for adapters that compute on the CPU: no workgroup memory,
// blocks of 4 rows by 4 columns in registers. A matrix of 4 vectors is a block: its column i is row i of a or y, its
// column j row j of b, so that one matrix product is 64 multiply-adds.
// Bindings: see the access prelude. Grid: a workgroup per tile and split of k, tiles of a row of tiles first.
// With splits, y is [split, batch, m, n] partial sums.

override THREADS: u32 = 16; // threads_x side by side, the rest below one another
override ROW_BLOCKS: u32 = 2; // 1 or 2
override COLUMN_BLOCKS: u32 = 1; // 1 or 2

// Rows `row` … `row` + 3 of op(a) at k … k + 3, zeros from k_end on; `base` is where the matrix begins.
fn a_block(base: u32, row: u32, k: u32, k_end: u32) -> mat4x4<f32> {
  if (A_TRANSPOSED) {
    let i = base + k * problem.m + row;
    return transpose(mat4x4<f32>(
      a_quad(i, select(0u, 4u, k < k_end)),
      a_quad(i + problem.m, select(0u, 4u, k + 1u < k_end)),
      a_quad(i + 2u * problem.m, select(0u, 4u, k + 2u < k_end)),
      a_quad(i + 3u * problem.m, select(0u, 4u, k + 3u < k_end)),
    ));
  }
  let last = problem.m - 1u;
  let i = base + k;
  return mat4x4<f32>(
    a_quad(i + min(row, last) * problem.k, k_end - k),
    a_quad(i + min(row + 1u, last) * problem.k, k_end - k),
    a_quad(i + min(row + 2u, last) * problem.k, k_end - k),
    a_quad(i + min(row + 3u, last) * problem.k, k_end - k),
  );
}

// Rows k … k + 3 of op(b) at `column` … `column` + 3, zeros from k_end on.
fn b_block(base: u32, k: u32, column: u32, k_end: u32) -> mat4x4<f32> {
  if (B_TRANSPOSED) {
    let last = problem.n - 1u;
    let i = base + k;
    return transpose(mat4x4<f32>(
      b_quad(i + min(column, last) * problem.k, k_end - k),
      b_quad(i + min(column + 1u, last) * problem.k, k_end - k),
      b_quad(i + min(column + 2u, last) * problem.k, k_end - k),
      b_quad(i + min(column + 3u, last) * problem.k, k_end - k),
    ));
  }
  let i = base + k * problem.n + column;
  return mat4x4<f32>(
    b_quad(i, select(0u, 4u, k < k_end)),
    b_quad(i + problem.n, select(0u, 4u, k + 1u < k_end)),
    b_quad(i + 2u * problem.n, select(0u, 4u, k + 2u < k_end)),
    b_quad(i + 3u * problem.n, select(0u, 4u, k + 3u < k_end)),
  );
}

// (u ∘ gain) of 4 rows at one k. A row beyond the last gives what nothing stores.
fn u_rows(row: u32, k: u32) -> vec4<f32> {
  let i = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(problem.m - 1u)) * problem.rank + k;
  let rows = vec4<f32>(u[i.x], u[i.y], u[i.z], u[i.w]);
  if (GAIN) {
    return rows * gain[k];
  }
  return rows;
}

// op(v) at one k and 4 columns.
fn v_columns(k: u32, column: u32) -> vec4<f32> {
  let columns = min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(problem.n - 1u));
  let i = select(k * problem.n + columns, columns * problem.rank + k, B_TRANSPOSED);
  return vec4<f32>(v[i.x], v[i.y], v[i.z], v[i.w]);
}

fn outer_block(rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(columns * rows.x, columns * rows.y, columns * rows.z, columns * rows.w);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile_rows = 4u * ROW_BLOCKS * (THREADS / problem.threads_x);
  let tile_columns = 4u * COLUMN_BLOCKS * problem.threads_x;
  let across = (problem.n + tile_columns - 1u) / tile_columns;
  let down = (problem.m + tile_rows - 1u) / tile_rows;
  let tile = group.x + group.y * groups.x;
  let layer = tile / (across * down);
  let batch = layer % problem.batches;
  let row = (tile / across) % down * tile_rows + lane / problem.threads_x * 4u * ROW_BLOCKS;
  let column = tile % across * tile_columns + lane % problem.threads_x * 4u * COLUMN_BLOCKS;
  let k_start = layer / problem.batches * problem.depth;
  let k_end = min(k_start + problem.depth, problem.k);
  let a_base = batch * problem.m * problem.k;
  let b_base = batch * problem.k * problem.n;

  // y_rc: row block r, column block c.
  var y_00 = mat4x4<f32>();
  var y_01 = mat4x4<f32>();
  var y_10 = mat4x4<f32>();
  var y_11 = mat4x4<f32>();
  for (var k = k_start; k < k_end; k += 4u) {
    let a_0 = a_block(a_base, row, k, k_end);
    let b_0 = b_block(b_base, k, column, k_end);
    y_00 += b_0 * a_0;
    if (ROW_BLOCKS > 1u) {
      y_10 += b_0 * a_block(a_base, row + 4u, k, k_end);
    }
    if (COLUMN_BLOCKS > 1u) {
      let b_1 = b_block(b_base, k, column + 4u, k_end);
      y_01 += b_1 * a_0;
      if (ROW_BLOCKS > 1u) {
        y_11 += b_1 * a_block(a_base, row + 4u, k, k_end);
      }
    }
  }
  if (LOW_RANK) {
    // Only the first split adds it.
    for (var k = select(problem.rank, 0u, k_start == 0u); k < problem.rank; k++) {
      let u_0 = u_rows(row, k);
      let v_0 = v_columns(k, column);
      y_00 += outer_block(u_0, v_0);
      if (ROW_BLOCKS > 1u) {
        y_10 += outer_block(u_rows(row + 4u, k), v_0);
      }
      if (COLUMN_BLOCKS > 1u) {
        let v_1 = v_columns(k, column + 4u);
        y_01 += outer_block(u_0, v_1);
        if (ROW_BLOCKS > 1u) {
          y_11 += outer_block(u_rows(row + 4u, k), v_1);
        }
      }
    }
  }

  let y_base = layer * problem.m * problem.n;
  store_block(y_base, row, column, y_00);
  if (ROW_BLOCKS > 1u) {
    store_block(y_base, row + 4u, column, y_10);
  }
  if (COLUMN_BLOCKS > 1u) {
    store_block(y_base, row, column + 4u, y_01);
    if (ROW_BLOCKS > 1u) {
      store_block(y_base, row + 4u, column + 4u, y_11);
    }
  }
}
