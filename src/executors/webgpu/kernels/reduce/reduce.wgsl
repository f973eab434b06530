// Sum or maximum over the middle axis of x [outer, length, inner], a chunk at a time: y [outer, chunks, inner].
// Orders are fixed by the sizes alone, so the same device gives the same bits.
//   columns1, columns4   an invocation per result, or per four neighbours (inner counts fours)
//   rows4                inner = 1: an invocation per result (length and chunk count fours)
//   tree1, tree4         inner = 1: a workgroup per result (in tree4 length and chunk count fours)
// Bindings: 1 x, 2 y.

override WORKGROUP: u32 = 64;
/// 0 sum, 1 maximum.
override FN: u32 = 0;

struct Sizes {
  results: u32,
  length: u32,
  chunk: u32,
  chunks: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(1) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y1: array<f32>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4<f32>>;

var<workgroup> scratch: array<f32, WORKGROUP>;

fn combine4(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  if (FN == 0u) {
    return a + b;
  }
  return select(b, a, a >= b);
}

fn combine(a: f32, b: f32) -> f32 {
  return combine4(vec4<f32>(a), vec4<f32>(b)).x;
}

fn fold(x: vec4<f32>) -> f32 {
  return combine(combine(x.x, x.y), combine(x.z, x.w));
}

/// Where a result's terms are: at first, first + step, … before end.
struct Terms {
  first: u32,
  step: u32,
  end: u32,
}

fn terms_of(result: u32) -> Terms {
  let column = result % sizes.inner;
  let block = result / sizes.inner;
  let row = (block / sizes.chunks) * sizes.length;
  let start = (block % sizes.chunks) * sizes.chunk;
  let end = min(start + sizes.chunk, sizes.length);
  return Terms((row + start) * sizes.inner + column, sizes.inner, (row + end) * sizes.inner);
}

@compute @workgroup_size(WORKGROUP)
fn columns1(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let result = id.x + id.y * groups.x * WORKGROUP;
  if (result >= sizes.results) {
    return;
  }
  let terms = terms_of(result);
  var total = x1[terms.first];
  for (var i = terms.first + terms.step; i < terms.end; i += terms.step) {
    total = combine(total, x1[i]);
  }
  y1[result] = total;
}

@compute @workgroup_size(WORKGROUP)
fn columns4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let result = id.x + id.y * groups.x * WORKGROUP;
  if (result >= sizes.results) {
    return;
  }
  let terms = terms_of(result);
  var total = x4[terms.first];
  for (var i = terms.first + terms.step; i < terms.end; i += terms.step) {
    total = combine4(total, x4[i]);
  }
  y4[result] = total;
}

@compute @workgroup_size(WORKGROUP)
fn rows4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let result = id.x + id.y * groups.x * WORKGROUP;
  if (result >= sizes.results) {
    return;
  }
  let terms = terms_of(result);
  var total = x4[terms.first];
  for (var i = terms.first + 1u; i < terms.end; i++) {
    total = combine4(total, x4[i]);
  }
  y1[result] = fold(total);
}

// Must be reached by the whole workgroup. The result is in the first lane.
fn combine_lanes(own: f32, lane: u32) -> f32 {
  scratch[lane] = own;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      scratch[lane] = combine(scratch[lane], scratch[lane + half]);
    }
    workgroupBarrier();
  }
  return scratch[0];
}

// A lane without terms must not change the result: it adds 0, or takes a maximum with the first term.
@compute @workgroup_size(WORKGROUP)
fn tree1(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let result = group.x + group.y * groups.x;
  let terms = terms_of(min(result, sizes.results - 1u));
  var total = select(0.0, x1[terms.first], FN == 1u || lane == 0u);
  for (var i = terms.first + select(lane, WORKGROUP, lane == 0u); i < terms.end; i += WORKGROUP) {
    total = combine(total, x1[i]);
  }
  let whole = combine_lanes(total, lane);
  if (lane == 0u && result < sizes.results) {
    y1[result] = whole;
  }
}

@compute @workgroup_size(WORKGROUP)
fn tree4(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let result = group.x + group.y * groups.x;
  let terms = terms_of(min(result, sizes.results - 1u));
  var total = select(vec4<f32>(0.0), x4[terms.first], FN == 1u || lane == 0u);
  for (var i = terms.first + select(lane, WORKGROUP, lane == 0u); i < terms.end; i += WORKGROUP) {
    total = combine4(total, x4[i]);
  }
  let whole = combine_lanes(fold(total), lane);
  if (lane == 0u && result < sizes.results) {
    y1[result] = whole;
  }
}
