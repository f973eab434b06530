// One-hot rows: out[i, j] = 1 where j = index[i], else 0.
// Bindings: 1 index [count], 2 out [count, depth] in quads of 4 elements.
// Grid: an invocation per quad; a quad may span rows, and the last one may read an index past the end, which only
// reaches elements past the end.

override WORKGROUP: u32 = 64;

struct Shape { quads: u32, depth: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn one_hot(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.quads) {
    return;
  }
  var quad: vec4<f32>;
  for (var k = 0u; k < 4u; k++) {
    let row = (4u * i + k) / shape.depth;
    let column = (4u * i + k) % shape.depth;
    quad[k] = select(0.0, 1.0, index[row] == i32(column));
  }
  out[i] = quad;
}
