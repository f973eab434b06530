// What every product kernel knows: the sizes of y = finish(op(a) op(b) + (u ∘ gain) op(v)) and its low-rank part, whose
// operands are few and so are read one by one, whatever their alignment.
// Bindings: 6 u [m, rank], 7 v [rank, n], or [n, rank] if b is transposed too, 8 gain [rank].

override A_TRANSPOSED: bool = false; // a is stored [batch, k, m]
override B_TRANSPOSED: bool = false; // b is stored [batch, n, k]
override LOW_RANK: bool = false;
override GAIN: bool = false;

struct Problem {
  batches: u32,
  m: u32,
  n: u32,
  k: u32,
  splits: u32, // parts of k that are added up apart from each other, and their length
  depth: u32,
  rank: u32,
  threads_x: u32, // of a workgroup of the register kernel
}

@group(0) @binding(0) var<uniform> problem: Problem;
@group(0) @binding(6) var<storage, read> u: array<f32>;
@group(0) @binding(7) var<storage, read> v: array<f32>;
@group(0) @binding(8) var<storage, read> gain: array<f32>;

// Zeros from component `valid` on.
fn keep(quad: vec4<f32>, valid: u32) -> vec4<f32> {
  return select(vec4<f32>(), quad, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(valid));
}
