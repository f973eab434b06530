// Softmax over rows, and its gradient.
//   forward:   y = exp(x - max x) / Σ exp(x - max x)
//   backward: dx = y (dy - Σ dy y)
// Bindings, all [rows, width]: forward 1 x, 2 y; backward 1 y, 2 dy, 3 dx.
// Grid: *_group, a workgroup per row, reduced as in group.wgsl;
//       *_row, an invocation per row, in column order.
// NaN and +∞ in a row make the row NaN. They are told by their bits, which are loaded and stored as integers, because
// WGSL lets a compiler assume that neither exists. Such a row is lost; its peak is ABOVE.

struct Shape { rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@group(0) @binding(1) var<storage, read> y_in: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

// The largest f32, and the lowest.
const ABOVE: f32 = 0x1.fffffep+127f;
const LOWEST: f32 = -ABOVE;

const NAN_BITS = 0x7fc00000u;
const INFINITY_BITS = 0x7f800000u;
const MINUS_INFINITY_BITS = 0xff800000u;

fn is_lost(bits: u32) -> bool {
  return (bits & INFINITY_BITS) == INFINITY_BITS && bits != MINUS_INFINITY_BITS;
}

fn peak_of(start: u32, lane: u32, lanes: u32) -> f32 {
  var peak = LOWEST;
  for (var c = lane; c < shape.width; c += lanes) {
    let bits = x[start + c];
    if (is_lost(bits)) {
      return ABOVE;
    }
    peak = max(peak, bitcast<f32>(bits));
  }
  return peak;
}

fn total_of(start: u32, peak: f32, lane: u32, lanes: u32) -> f32 {
  var total = 0.0;
  for (var c = lane; c < shape.width; c += lanes) {
    total += exp(bitcast<f32>(x[start + c]) - peak);
  }
  return total;
}

fn write_forward(start: u32, peak: f32, total: f32, lane: u32, lanes: u32) {
  let scale = 1.0 / total;
  for (var c = lane; c < shape.width; c += lanes) {
    let value = exp(bitcast<f32>(x[start + c]) - peak) * scale;
    y[start + c] = select(bitcast<u32>(value), NAN_BITS, peak == ABOVE);
  }
}

fn projection_of(start: u32, lane: u32, lanes: u32) -> f32 {
  var total = 0.0;
  for (var c = lane; c < shape.width; c += lanes) {
    total += dy[start + c] * y_in[start + c];
  }
  return total;
}

fn write_backward(start: u32, projection: f32, lane: u32, lanes: u32) {
  for (var c = lane; c < shape.width; c += lanes) {
    dx[start + c] = y_in[start + c] * (dy[start + c] - projection);
  }
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
  let start = row * shape.width;
  let peak = group_max(lane, peak_of(start, lane, WORKGROUP));
  let total = group_sum(lane, total_of(start, peak, lane, WORKGROUP));
  write_forward(start, peak, total, lane, WORKGROUP);
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
  let start = row * shape.width;
  let projection = group_sum(lane, projection_of(start, lane, WORKGROUP));
  write_backward(start, projection, lane, WORKGROUP);
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
  let start = row * shape.width;
  let peak = peak_of(start, 0u, 1u);
  write_forward(start, peak, total_of(start, peak, 0u, 1u), 0u, 1u);
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
  let start = row * shape.width;
  write_backward(start, projection_of(start, 0u, 1u), 0u, 1u);
}
