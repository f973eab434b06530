// Numbers that depend on seed and position only, and DARE built on them (Yu et al., arXiv 2311.03099).
//   uniform:      out[i] = hash(seed, i) / 2²⁴ with a 24-bit hash
//   drop_rescale: out[i] = x[i] / (1 - rate) where uniform(seed)[i] >= rate, else 0
// The hash is PCG's output permutation applied twice (Jarzynski and Olano, JCGT 2020), as in core/rng.ts: integers
// only, so all executors agree bit for bit. For that reason too the rate arrives as the smallest hash to keep.
// Bindings, in quads of 4 elements: uniform 1 out; drop_rescale 1 x, 2 kept.
// Grid: an invocation per quad.

override WORKGROUP: u32 = 64;

struct Draw { quads: u32, seed: u32, first_kept: u32, scale: f32 }

@group(0) @binding(0) var<uniform> draw: Draw;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> kept: array<vec4<f32>>;

fn pcg(input: vec4<u32>) -> vec4<u32> {
  let state = input * 747796405u + 2891336453u;
  let word = ((state >> ((state >> vec4<u32>(28u)) + 4u)) ^ state) * 277803737u;
  return (word >> vec4<u32>(22u)) ^ word;
}

// 24 random bits for each element of a quad.
fn hash(quad: u32) -> vec4<u32> {
  let counter = 4u * quad + vec4<u32>(0u, 1u, 2u, 3u);
  return pcg(pcg(counter) + draw.seed) >> vec4<u32>(8u);
}

@compute @workgroup_size(WORKGROUP)
fn uniform_numbers(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= draw.quads) {
    return;
  }
  out[i] = vec4<f32>(hash(i)) * 0x1p-24;
}

@compute @workgroup_size(WORKGROUP)
fn drop_rescale(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= draw.quads) {
    return;
  }
  kept[i] = select(vec4<f32>(0.0), x[i] * draw.scale, hash(i) >= vec4<u32>(draw.first_kept));
}
