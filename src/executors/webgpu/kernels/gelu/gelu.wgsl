// GELU, x Φ(x), and its gradient, (Φ(x) + x Φ'(x)) dy, with Φ from gate.wgsl; Hendrycks and Gimpel, arXiv 1606.08415.
//   erf:  Φ is the normal distribution function
//   tanh: Φ(x) = (1 + tanh a) / 2 = 1 / (1 + exp -2a),  a = √(2/π) (x + 0.044715 x³)
// Bindings, in quads of 4 elements: forward 1 x, 2 y; backward 1 x, 2 dy, 3 dx.
// Grid: an invocation per quad.

override WORKGROUP: u32 = 64;
override KIND: u32 = 0; // 0 erf, 1 tanh

struct Shape { quads: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

fn gate(point: vec4<f32>) -> Gate {
  if (KIND == 1u) {
    return gate_tanh(point);
  }
  return gate_erf(point);
}

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.quads) {
    return;
  }
  y[i] = x[i] * gate(x[i]).value;
}

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.quads) {
    return;
  }
  let point = gate(x[i]);
  dx[i] = (point.value + x[i] * point.slope) * dy[i];
}
