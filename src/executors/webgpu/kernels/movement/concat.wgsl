// Joins up to six tensors side by side: operand k is [rows, begins[k + 1] - begins[k]], and all of them fill the columns
// from `first` on of the result [rows, total]. Bits are moved as u32.
//   join1   an invocation per element
//   join4   an invocation per four elements; columns count in fours
// Bindings: 1 to 6 the operands (the last one again where there are fewer), 7 the result.

struct Params {
  /// Elements, or fours, of all operands.
  count: u32,
  /// Columns of all operands.
  width: u32,
  first: u32,
  total: u32,
  begins: array<vec4<u32>, 2>,
}

override WORKGROUP: u32 = 64;
/// Whether there is more than one row: integer division is dear.
override ROWS: bool = true;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a1: array<u32>;
@group(0) @binding(2) var<storage, read> b1: array<u32>;
@group(0) @binding(3) var<storage, read> c1: array<u32>;
@group(0) @binding(4) var<storage, read> d1: array<u32>;
@group(0) @binding(5) var<storage, read> e1: array<u32>;
@group(0) @binding(6) var<storage, read> f1: array<u32>;
@group(0) @binding(7) var<storage, read_write> y1: array<u32>;

@group(0) @binding(1) var<storage, read> a4: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> b4: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> c4: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> d4: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> e4: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> f4: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read_write> y4: array<vec4<u32>>;

struct Ends {
  operand: u32,
  start: u32,
  goal: u32,
}

fn begin(operand: u32) -> u32 {
  return params.begins[operand / 4u][operand % 4u];
}

fn locate(index: u32) -> Ends {
  var row = 0u;
  if (ROWS) {
    row = index / params.width;
  }
  let column = index - row * params.width;
  var operand = 0u;
  for (var next = 1u; next < 6u; next++) {
    operand += select(0u, 1u, column >= begin(next));
  }
  let own = begin(operand);
  let width = begin(operand + 1u) - own;
  return Ends(operand, row * width + column - own, row * params.total + params.first + column);
}

@compute @workgroup_size(WORKGROUP)
fn join1(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  let ends = locate(index);
  switch ends.operand {
    case 0u: { y1[ends.goal] = a1[ends.start]; }
    case 1u: { y1[ends.goal] = b1[ends.start]; }
    case 2u: { y1[ends.goal] = c1[ends.start]; }
    case 3u: { y1[ends.goal] = d1[ends.start]; }
    case 4u: { y1[ends.goal] = e1[ends.start]; }
    default: { y1[ends.goal] = f1[ends.start]; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn join4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  let ends = locate(index);
  switch ends.operand {
    case 0u: { y4[ends.goal] = a4[ends.start]; }
    case 1u: { y4[ends.goal] = b4[ends.start]; }
    case 2u: { y4[ends.goal] = c4[ends.start]; }
    case 3u: { y4[ends.goal] = d4[ends.start]; }
    case 4u: { y4[ends.goal] = e4[ends.start]; }
    default: { y4[ends.goal] = f4[ends.start]; }
  }
}
