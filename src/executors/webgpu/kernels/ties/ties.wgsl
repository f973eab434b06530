// TIES merging after trimming (Yadav et al., arXiv 2306.01708), per entry:
//   elect:         the sign of the sum over the stack
//   disjoint mean: the mean of the non-zero entries of that sign, 0 if there are none
// Bindings: 1 stack [depth, units], 2 merged [units].
// Grid: an invocation per unit; `merge_numbers` has units of 1 element, `merge_quads` of 4 (size divisible by 4).
// Both add in stack order.

override WORKGROUP: u32 = 64;

struct Shape { depth: u32, units: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;

@group(0) @binding(1) var<storage, read> stack: array<f32>;
@group(0) @binding(2) var<storage, read_write> merged: array<f32>;

@group(0) @binding(1) var<storage, read> stack_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> merged_quads: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn merge_numbers(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.units) {
    return;
  }
  var sum = 0.0;
  for (var n = 0u; n < shape.depth; n++) {
    sum += stack[n * shape.units + i];
  }
  var agreeing_sum = 0.0;
  var agreeing = 0.0;
  for (var n = 0u; n < shape.depth; n++) {
    let entry = stack[n * shape.units + i];
    let agrees = sign(entry) * sign(sum) > 0.0;
    agreeing_sum += select(0.0, entry, agrees);
    agreeing += select(0.0, 1.0, agrees);
  }
  merged[i] = agreeing_sum / max(agreeing, 1.0);
}

@compute @workgroup_size(WORKGROUP)
fn merge_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.units) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var n = 0u; n < shape.depth; n++) {
    sum += stack_quads[n * shape.units + i];
  }
  var agreeing_sum = vec4<f32>(0.0);
  var agreeing = vec4<f32>(0.0);
  for (var n = 0u; n < shape.depth; n++) {
    let entry = stack_quads[n * shape.units + i];
    let agrees = sign(entry) * sign(sum) > vec4<f32>(0.0);
    agreeing_sum += select(vec4<f32>(0.0), entry, agrees);
    agreeing += select(vec4<f32>(0.0), vec4<f32>(1.0), agrees);
  }
  merged_quads[i] = agreeing_sum / max(agreeing, vec4<f32>(1.0));
}
