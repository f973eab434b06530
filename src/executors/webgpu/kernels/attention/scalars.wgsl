// Access to heads of any size: a quad is four loads or stores.

@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

// Zeros beyond the head.
fn keep(quad: vec4<f32>, d: u32) -> vec4<f32> {
  return select(vec4<f32>(), quad, vec4<u32>(d) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(problem.head_dim));
}

fn qkv_quad(element: u32, d: u32) -> vec4<f32> {
  return keep(vec4<f32>(qkv[element], qkv[element + 1u], qkv[element + 2u], qkv[element + 3u]), d);
}

fn dy_quad(element: u32, d: u32) -> vec4<f32> {
  return keep(vec4<f32>(dy[element], dy[element + 1u], dy[element + 2u], dy[element + 3u]), d);
}

fn store(element: u32, d: u32, value: vec4<f32>) {
  let width = problem.head_dim - d;
  result[element] = value.x;
  if (width > 1u) {
    result[element + 1u] = value.y;
  }
  if (width > 2u) {
    result[element + 2u] = value.z;
  }
  if (width > 3u) {
    result[element + 3u] = value.w;
  }
}

fn store_statistics(row: u32, value: vec4<f32>) {
  result[4u * row] = value.x;
  result[4u * row + 1u] = value.y;
  result[4u * row + 2u] = value.z;
  result[4u * row + 3u] = value.w;
}
