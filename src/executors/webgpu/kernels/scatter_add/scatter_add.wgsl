// Adds rows that share an index: out[r, :] = Σ over i with index[i] = r of updates[i, :], in order of i. No atomics.
// Bindings as declared; updates [count, width], index [count], out [rows, width].
// Two ways with equal bits:
//   add_all (_quads): an invocation per unit of out walks the whole index. For few updates.
//   A counting sort of the index, then a walk over one's own updates. The index is cut into chunks:
//     count_chunks   per chunk: counts[r, chunk], how often each row occurs
//     offset_rows    per row:   counts becomes the running count over chunks; starts[r] the count of the row
//     start_rows     one:       starts becomes the running count over rows
//     place_chunks   per chunk: order[starts[r] + counts[r, chunk]++] = i
//     add_rows (_quads) per unit of out: adds updates[order[starts[r] .. starts[r + 1]], :]
// A unit is 1 element, with _quads 4 (width divisible by 4).

override WORKGROUP: u32 = 64;

struct Shape { count: u32, rows: u32, units_per_row: u32, chunk: u32, chunks: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;

// add_all
@group(0) @binding(1) var<storage, read> updates: array<f32>;
@group(0) @binding(1) var<storage, read> updates_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> index: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> out_quads: array<vec4<f32>>;

// count_chunks, offset_rows, start_rows
@group(0) @binding(1) var<storage, read> counted_index: array<i32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;
@group(0) @binding(1) var<storage, read_write> row_counts: array<u32>;
@group(0) @binding(2) var<storage, read_write> row_totals: array<u32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;

// place_chunks: 1 counted_index, 2 counts
@group(0) @binding(3) var<storage, read> row_starts: array<u32>;
@group(0) @binding(4) var<storage, read_write> order: array<u32>;

// add_rows: 1 updates, 3 row_starts
@group(0) @binding(2) var<storage, read> sorted: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums_quads: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn add_all(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = unit / shape.units_per_row;
  if (row >= shape.rows) {
    return;
  }
  var total = 0.0;
  for (var i = 0u; i < shape.count; i++) {
    if (u32(index[i]) == row) {
      total += updates[i * shape.units_per_row + unit % shape.units_per_row];
    }
  }
  out[unit] = total;
}

@compute @workgroup_size(WORKGROUP)
fn add_all_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = unit / shape.units_per_row;
  if (row >= shape.rows) {
    return;
  }
  var total = vec4<f32>(0.0);
  for (var i = 0u; i < shape.count; i++) {
    if (u32(index[i]) == row) {
      total += updates_quads[i * shape.units_per_row + unit % shape.units_per_row];
    }
  }
  out_quads[unit] = total;
}

@compute @workgroup_size(WORKGROUP)
fn count_chunks(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (chunk >= shape.chunks) {
    return;
  }
  for (var row = 0u; row < shape.rows; row++) {
    counts[row * shape.chunks + chunk] = 0u;
  }
  let end = min((chunk + 1u) * shape.chunk, shape.count);
  for (var i = chunk * shape.chunk; i < end; i++) {
    counts[u32(counted_index[i]) * shape.chunks + chunk] += 1u;
  }
}

@compute @workgroup_size(WORKGROUP)
fn offset_rows(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= shape.rows) {
    return;
  }
  var running = 0u;
  for (var chunk = 0u; chunk < shape.chunks; chunk++) {
    let found = row_counts[row * shape.chunks + chunk];
    row_counts[row * shape.chunks + chunk] = running;
    running += found;
  }
  row_totals[row] = running;
}

@compute @workgroup_size(1)
fn start_rows() {
  var running = 0u;
  for (var row = 0u; row < shape.rows; row++) {
    let found = starts[row];
    starts[row] = running;
    running += found;
  }
  starts[shape.rows] = running;
}

@compute @workgroup_size(WORKGROUP)
fn place_chunks(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let chunk = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (chunk >= shape.chunks) {
    return;
  }
  let end = min((chunk + 1u) * shape.chunk, shape.count);
  for (var i = chunk * shape.chunk; i < end; i++) {
    let row = u32(counted_index[i]);
    let offset = counts[row * shape.chunks + chunk];
    counts[row * shape.chunks + chunk] = offset + 1u;
    order[row_starts[row] + offset] = i;
  }
}

@compute @workgroup_size(WORKGROUP)
fn add_rows(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = unit / shape.units_per_row;
  if (row >= shape.rows) {
    return;
  }
  var total = 0.0;
  for (var k = row_starts[row]; k < row_starts[row + 1u]; k++) {
    total += updates[sorted[k] * shape.units_per_row + unit % shape.units_per_row];
  }
  sums[unit] = total;
}

@compute @workgroup_size(WORKGROUP)
fn add_rows_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = unit / shape.units_per_row;
  if (row >= shape.rows) {
    return;
  }
  var total = vec4<f32>(0.0);
  for (var k = row_starts[row]; k < row_starts[row + 1u]; k++) {
    total += updates_quads[sorted[k] * shape.units_per_row + unit % shape.units_per_row];
  }
  sums_quads[unit] = total;
}
