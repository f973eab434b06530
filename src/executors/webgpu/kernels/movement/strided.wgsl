// Copies a box of values: element c of the box goes from from_base + c·from_strides to to_base + c·to_strides.
// Serves transpose, slice, concat and broadcast, whatever the element type: bits are moved as u32.
// Grid: one invocation per element of the box, or per four with `copy4`, whose sizes and strides count fours.

struct Params {
  count: u32,
  from_base: u32,
  to_base: u32,
  unused: u32,
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
    let size = params.sizes[axis / 4u][axis % 4u];
    let coordinate = rest % size;
    rest /= size;
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
