// Copies a box of values: element c of the box goes from from_base + c·from_strides to to_base + c·to_strides.
// Serves transpose, slice and broadcast, whatever the element type: bits are moved as u32.
//   copy1   an invocation per element
//   copy4   an invocation per four elements that lie side by side at both ends
//   block4  an invocation per 4 × 4 elements: fours along one axis at the start become fours along another at the goal
// Where fours move, bases, sizes and strides count in fours. Bindings: 1 from, 2 to.

struct Params {
  count: u32,
  from_base: u32,
  to_base: u32,
  /// Of `block4`: from one four of a block to the next.
  from_step: u32,
  to_step: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
  sizes: array<vec4<u32>, 2>,
  from_strides: array<vec4<u32>, 2>,
  to_strides: array<vec4<u32>, 2>,
}

override WORKGROUP: u32 = 64;
/// Number of axes of the box.
override AXES: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> from1: array<u32>;
@group(0) @binding(2) var<storage, read_write> to1: array<u32>;
@group(0) @binding(1) var<storage, read> from4: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> to4: array<vec4<u32>>;

struct Ends {
  start: u32,
  goal: u32,
}

fn locate(index: u32) -> Ends {
  var ends = Ends(params.from_base, params.to_base);
  var rest = index;
  for (var i = 0u; i < AXES; i++) {
    let axis = AXES - 1u - i;
    var coordinate = rest;
    // Integer division is dear, and the outermost axis needs none.
    if (axis > 0u) {
      let size = params.sizes[axis / 4u][axis % 4u];
      rest /= size;
      coordinate -= rest * size;
    }
    ends.start += coordinate * params.from_strides[axis / 4u][axis % 4u];
    ends.goal += coordinate * params.to_strides[axis / 4u][axis % 4u];
  }
  return ends;
}

@compute @workgroup_size(WORKGROUP)
fn copy1(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  let ends = locate(index);
  to1[ends.goal] = from1[ends.start];
}

@compute @workgroup_size(WORKGROUP)
fn copy4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  let ends = locate(index);
  to4[ends.goal] = from4[ends.start];
}

@compute @workgroup_size(WORKGROUP)
fn block4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  let ends = locate(index);
  let a = from4[ends.start];
  let b = from4[ends.start + params.from_step];
  let c = from4[ends.start + 2u * params.from_step];
  let d = from4[ends.start + 3u * params.from_step];
  to4[ends.goal] = vec4<u32>(a.x, b.x, c.x, d.x);
  to4[ends.goal + params.to_step] = vec4<u32>(a.y, b.y, c.y, d.y);
  to4[ends.goal + 2u * params.to_step] = vec4<u32>(a.z, b.z, c.z, d.z);
  to4[ends.goal + 3u * params.to_step] = vec4<u32>(a.w, b.w, c.w, d.w);
}
