// Bytes as numbers: out[i] = byte i of packed, 0 to 255.
// Bindings: 1 packed [ceil(count / 4)], the first byte in the lowest 8 bits, 2 out [count] in quads of 4 elements.
// Grid: an invocation per quad; what the last one unpacks past the end only reaches elements past the end.

override WORKGROUP: u32 = 64;

struct Shape { quads: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> packed: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn from_bytes(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= shape.quads) {
    return;
  }
  let word = packed[i];
  out[i] = vec4<f32>(vec4<u32>(word, word >> 8u, word >> 16u, word >> 24u) & vec4<u32>(255u));
}
