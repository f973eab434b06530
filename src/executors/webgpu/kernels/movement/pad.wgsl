// Surrounds a tensor with zeros. Grid: one invocation per element of the output.

struct Params {
  count: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
  /// Sizes of the output.
  sizes: array<vec4<u32>, 2>,
  before: array<vec4<u32>, 2>,
  /// Sizes and strides of the operand.
  inner: array<vec4<u32>, 2>,
  strides: array<vec4<u32>, 2>,
}

override WORKGROUP: u32 = 64;
override AXES: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn pad(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.x + id.y * groups.x * WORKGROUP;
  if (index >= params.count) {
    return;
  }
  var rest = index;
  var source = 0u;
  var inside = true;
  for (var i = 0u; i < AXES; i++) {
    let axis = AXES - 1u - i;
    var coordinate = rest;
    // Integer division is dear, and the outermost axis needs none.
    if (axis > 0u) {
      let size = params.sizes[axis / 4u][axis % 4u];
      rest /= size;
      coordinate -= rest * size;
    }
    // Wraps to a huge number in front of the operand.
    coordinate -= params.before[axis / 4u][axis % 4u];
    inside &= coordinate < params.inner[axis / 4u][axis % 4u];
    source += coordinate * params.strides[axis / 4u][axis % 4u];
  }
  y[index] = select(0.0, x[select(0u, source, inside)], inside);
}
