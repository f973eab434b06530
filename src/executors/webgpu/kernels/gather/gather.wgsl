// Rows of a table: out[i, :] = table[index[i], :]. Copies bits, so it serves f32 and i32.
// Bindings: 1 table [n, width], 2 index [count], 3 out [count, width].
// Grid: an invocation per unit of out; `copy` has units of 1 element, `copy_quads` of 4 (width divisible by 4).

override WORKGROUP: u32 = 64;

struct Shape { count: u32, units_per_row: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> index: array<i32>;

@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

@group(0) @binding(1) var<storage, read> table_quads: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> out_quads: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn copy(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = i / shape.units_per_row;
  if (row >= shape.count) {
    return;
  }
  out[i] = table[u32(index[row]) * shape.units_per_row + i % shape.units_per_row];
}

@compute @workgroup_size(WORKGROUP)
fn copy_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let row = i / shape.units_per_row;
  if (row >= shape.count) {
    return;
  }
  out_quads[i] = table_quads[u32(index[row]) * shape.units_per_row + i % shape.units_per_row];
}
