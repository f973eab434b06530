// Magnitude pruning: y = x where |x| >= threshold, else 0 (so NaN becomes 0).
// Bindings: 1 x and 3 y in quads of 4 elements, 2 threshold [1].
// Grid: an invocation per quad.

override WORKGROUP: u32 = 64;

struct Shape { quads: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> threshold: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn prune(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.quads) {
    return;
  }
  y[i] = select(vec4<f32>(0.0), x[i], abs(x[i]) >= vec4<f32>(threshold[0]));
}
