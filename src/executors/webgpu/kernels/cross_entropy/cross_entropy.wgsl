// Cross-entropy of each sample over the classes whose mask is not 0, and its gradient.
//   forward:  loss = log Σ exp(z - max z) + max z - logit[label],  z = logit, or MASKED where the mask is 0
//   backward: dlogits = (exp(z - max z) / Σ exp(z - max z) - onehot(label)) dloss
// Bindings: 1 logits [rows, width], 2 labels [rows], 3 mask [width];
//           forward 4 loss [rows]; backward 4 dloss [rows], 5 dlogits [rows, width].
// Grid: *_group, a workgroup per row, reduced as in group.wgsl;
//       *_row, an invocation per row, in column order.
// NaN or +∞ in an unmasked logit makes the loss and the gradient of its row NaN: training sees that it diverged.
// WGSL lets a compiler assume that there are no NaN and no ∞, so they are told by their bits, which are loaded and
// stored as integers, and no arithmetic on them counts. A row with such a logit is lost; its peak is ABOVE.

struct Shape { rows: u32, width: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;

@group(0) @binding(4) var<storage, read_write> loss: array<u32>;

@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<u32>;

// exp of it is 0 beside any real logit, and unlike -∞ it makes no NaN.
const MASKED = -1e30;
// The largest f32.
const ABOVE: f32 = 0x1.fffffep+127f;

const NAN_BITS = 0x7fc00000u;
const INFINITY_BITS = 0x7f800000u;
const MINUS_INFINITY_BITS = 0xff800000u;

fn is_lost(bits: u32) -> bool {
  return (bits & INFINITY_BITS) == INFINITY_BITS && bits != MINUS_INFINITY_BITS;
}

fn logit_of(row: u32, class_index: u32) -> f32 {
  let bits = logits[row * shape.width + class_index];
  return select(MASKED, bitcast<f32>(bits), mask[class_index] != 0.0);
}

fn peak_of(row: u32, lane: u32, lanes: u32) -> f32 {
  var peak = MASKED;
  for (var c = lane; c < shape.width; c += lanes) {
    if (mask[c] != 0.0) {
      let bits = logits[row * shape.width + c];
      if (is_lost(bits)) {
        return ABOVE;
      }
      peak = max(peak, bitcast<f32>(bits));
    }
  }
  return peak;
}

fn total_of(row: u32, peak: f32, lane: u32, lanes: u32) -> f32 {
  var total = 0.0;
  for (var c = lane; c < shape.width; c += lanes) {
    total += exp(logit_of(row, c) - peak);
  }
  return total;
}

fn write_loss(row: u32, peak: f32, total: f32) {
  let own = logits[row * shape.width + u32(labels[row])];
  if (peak == ABOVE) {
    loss[row] = NAN_BITS;
  } else if (own == MINUS_INFINITY_BITS) {
    loss[row] = INFINITY_BITS;
  } else {
    loss[row] = bitcast<u32>(log(total) + (peak - bitcast<f32>(own)));
  }
}

fn write_gradient(row: u32, peak: f32, total: f32, lane: u32, lanes: u32) {
  let scale = 1.0 / total;
  let label = u32(labels[row]);
  for (var c = lane; c < shape.width; c += lanes) {
    let probability = exp(logit_of(row, c) - peak) * scale;
    let slope = (probability - select(0.0, 1.0, c == label)) * dloss[row];
    dlogits[row * shape.width + c] = select(bitcast<u32>(slope), NAN_BITS, peak == ABOVE);
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
  let peak = group_max(lane, peak_of(row, lane, WORKGROUP));
  let total = group_sum(lane, total_of(row, peak, lane, WORKGROUP));
  if (lane == 0u) {
    write_loss(row, peak, total);
  }
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
  let peak = group_max(lane, peak_of(row, lane, WORKGROUP));
  let total = group_sum(lane, total_of(row, peak, lane, WORKGROUP));
  write_gradient(row, peak, total, lane, WORKGROUP);
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
  let peak = peak_of(row, 0u, 1u);
  write_loss(row, peak, total_of(row, peak, 0u, 1u));
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
  let peak = peak_of(row, 0u, 1u);
  write_gradient(row, peak, total_of(row, peak, 0u, 1u), 0u, 1u);
}
