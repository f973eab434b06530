// Layer normalisation over rows, and its gradient (Ba et al., arXiv 1607.06450). With the normal form
// x̂ = (x - mean x) / √(var x + ε):
//   forward:   y = γ x̂ + β
//   backward: dx = (s - mean s - x̂ mean (s x̂)) / √(var x + ε),  s = γ dy
// Bindings, in units: forward 1 x, 2 gamma, 3 beta, 4 y; backward 1 x, 2 gamma, 3 dy, 4 dx.
// Grid: *_group, a workgroup per row, reduced as in group.wgsl;
//       *_row, an invocation per row, in column order.

struct Shape {
  rows: u32,
  units: u32, // of a row
  inverse_width: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<Unit>;
@group(0) @binding(2) var<storage, read> gamma: array<Unit>;
@group(0) @binding(3) var<storage, read> beta: array<Unit>;
@group(0) @binding(4) var<storage, read_write> y: array<Unit>;

@group(0) @binding(3) var<storage, read> dy: array<Unit>;
@group(0) @binding(4) var<storage, read_write> dx: array<Unit>;

fn total_of(start: u32, lane: u32, lanes: u32) -> f32 {
  var total = Unit();
  for (var c = lane; c < shape.units; c += lanes) {
    total += x[start + c];
  }
  return sum_of(total);
}

// Sums of d and d², d = x - centre.
fn moments_of(start: u32, centre: f32, lane: u32, lanes: u32) -> vec2<f32> {
  var first = Unit();
  var second = Unit();
  for (var c = lane; c < shape.units; c += lanes) {
    let d = x[start + c] - centre;
    first += d;
    second += d * d;
  }
  return vec2<f32>(sum_of(first), sum_of(second));
}

// x̂ = (x - centre - correction) scale. The mean comes in two parts, since one number would lose digits of x - mean
// where the mean is large.
struct Normal { centre: f32, correction: f32, scale: f32 }

fn normal_of(centre: f32, moments: vec2<f32>) -> Normal {
  let correction = moments.x * shape.inverse_width;
  let variance = max(moments.y * shape.inverse_width - correction * correction, 0.0);
  return Normal(centre, correction, 1.0 / sqrt(variance + shape.epsilon));
}

fn normalised(unit: Unit, normal: Normal) -> Unit {
  return (unit - normal.centre - normal.correction) * normal.scale;
}

// Sums of s and s x̂.
fn projections_of(start: u32, normal: Normal, lane: u32, lanes: u32) -> vec2<f32> {
  var first = Unit();
  var second = Unit();
  for (var c = lane; c < shape.units; c += lanes) {
    let slope = gamma[c] * dy[start + c];
    first += slope;
    second += slope * normalised(x[start + c], normal);
  }
  return vec2<f32>(sum_of(first), sum_of(second));
}

fn write_forward(start: u32, normal: Normal, lane: u32, lanes: u32) {
  for (var c = lane; c < shape.units; c += lanes) {
    y[start + c] = gamma[c] * normalised(x[start + c], normal) + beta[c];
  }
}

fn write_backward(start: u32, normal: Normal, projections: vec2<f32>, lane: u32, lanes: u32) {
  let means = projections * shape.inverse_width;
  for (var c = lane; c < shape.units; c += lanes) {
    let slope = gamma[c] * dy[start + c];
    dx[start + c] = (slope - means.x - normalised(x[start + c], normal) * means.y) * normal.scale;
  }
}

fn group_normal(start: u32, lane: u32) -> Normal {
  let centre = group_sum(lane, total_of(start, lane, WORKGROUP)) * shape.inverse_width;
  let moments = moments_of(start, centre, lane, WORKGROUP);
  return normal_of(centre, vec2<f32>(group_sum(lane, moments.x), group_sum(lane, moments.y)));
}

fn row_normal(start: u32) -> Normal {
  let centre = total_of(start, 0u, 1u) * shape.inverse_width;
  return normal_of(centre, moments_of(start, centre, 0u, 1u));
}

@compute @workgroup_size(WORKGROUP)
fn forward_group(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= shape.rows) {
    return;
  }
  let start = row * shape.units;
  write_forward(start, group_normal(start, lane), lane, WORKGROUP);
}

@compute @workgroup_size(WORKGROUP)
fn backward_group(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= shape.rows) {
    return;
  }
  let start = row * shape.units;
  let normal = group_normal(start, lane);
  let projections = projections_of(start, normal, lane, WORKGROUP);
  let sums = vec2<f32>(group_sum(lane, projections.x), group_sum(lane, projections.y));
  write_backward(start, normal, sums, lane, WORKGROUP);
}

@compute @workgroup_size(WORKGROUP)
fn forward_row(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= shape.rows) {
    return;
  }
  let start = row * shape.units;
  write_forward(start, row_normal(start), 0u, 1u);
}

@compute @workgroup_size(WORKGROUP)
fn backward_row(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (row >= shape.rows) {
    return;
  }
  let start = row * shape.units;
  let normal = row_normal(start);
  write_backward(start, normal, projections_of(start, normal, 0u, 1u), 0u, 1u);
}
