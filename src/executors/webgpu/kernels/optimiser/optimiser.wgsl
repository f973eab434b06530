// One optimiser step over all trained parameters, packed into one buffer.
//   adamw: m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²;
//          θ ← θ - lr (m / c1 / (√(v / c2) + ε) + decay θ)        (Loshchilov and Hutter, arXiv 1711.05101)
//   sgd:   v ← μ v + g + decay θ; θ ← θ - lr v
// Bindings: 1 packed [3 or 2, units]: θ, m, v or θ, v; 2 grad [units]; 3 decay [units];
//           4 hyper [lr, c1 = 1 - β1^t, c2 = 1 - β2^t] or [lr]; 5 next, as packed.
// Grid: an invocation per unit; `*_numbers` have units of 1 element, `*_quads` of 4 (count divisible by 4).

override WORKGROUP: u32 = 64;

// sgd: beta1 is the momentum μ, the rest is unused.
struct Options { units: u32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, epsilon: f32 }

@group(0) @binding(0) var<uniform> options: Options;
@group(0) @binding(4) var<storage, read> hyper: array<f32>;

@group(0) @binding(1) var<storage, read> packed: array<f32>;
@group(0) @binding(2) var<storage, read> grad: array<f32>;
@group(0) @binding(3) var<storage, read> decay: array<f32>;
@group(0) @binding(5) var<storage, read_write> next: array<f32>;

@group(0) @binding(1) var<storage, read> packed_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> grad_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> decay_quads: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> next_quads: array<vec4<f32>>;

struct Adam { parameter: vec4<f32>, first: vec4<f32>, second: vec4<f32> }

fn adamw(old: Adam, g: vec4<f32>, decay_rate: vec4<f32>) -> Adam {
  let first = options.beta1 * old.first + options.rest1 * g;
  let second = options.beta2 * old.second + options.rest2 * g * g;
  let direction = first / hyper[1] / (sqrt(second / hyper[2]) + options.epsilon);
  return Adam(old.parameter - hyper[0] * (direction + decay_rate * old.parameter), first, second);
}

struct Sgd { parameter: vec4<f32>, velocity: vec4<f32> }

fn sgd(old: Sgd, g: vec4<f32>, decay_rate: vec4<f32>) -> Sgd {
  let velocity = options.beta1 * old.velocity + g + decay_rate * old.parameter;
  return Sgd(old.parameter - hyper[0] * velocity, velocity);
}

@compute @workgroup_size(WORKGROUP)
fn adamw_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = options.units;
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= n) {
    return;
  }
  let old = Adam(packed_quads[i], packed_quads[n + i], packed_quads[2u * n + i]);
  let stepped = adamw(old, grad_quads[i], decay_quads[i]);
  next_quads[i] = stepped.parameter;
  next_quads[n + i] = stepped.first;
  next_quads[2u * n + i] = stepped.second;
}

@compute @workgroup_size(WORKGROUP)
fn adamw_numbers(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = options.units;
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= n) {
    return;
  }
  let old = Adam(vec4<f32>(packed[i]), vec4<f32>(packed[n + i]), vec4<f32>(packed[2u * n + i]));
  let stepped = adamw(old, vec4<f32>(grad[i]), vec4<f32>(decay[i]));
  next[i] = stepped.parameter.x;
  next[n + i] = stepped.first.x;
  next[2u * n + i] = stepped.second.x;
}

@compute @workgroup_size(WORKGROUP)
fn sgd_quads(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = options.units;
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= n) {
    return;
  }
  let stepped = sgd(Sgd(packed_quads[i], packed_quads[n + i]), grad_quads[i], decay_quads[i]);
  next_quads[i] = stepped.parameter;
  next_quads[n + i] = stepped.velocity;
}

@compute @workgroup_size(WORKGROUP)
fn sgd_numbers(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = options.units;
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= n) {
    return;
  }
  let old = Sgd(vec4<f32>(packed[i]), vec4<f32>(packed[n + i]));
  let stepped = sgd(old, vec4<f32>(grad[i]), vec4<f32>(decay[i]));
  next[i] = stepped.parameter.x;
  next[n + i] = stepped.velocity.x;
}
