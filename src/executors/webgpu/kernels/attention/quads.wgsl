// Access to heads whose size is a multiple of 4: a quad is one load or store.

@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<f32>>;

fn qkv_quad(element: u32, d: u32) -> vec4<f32> {
  return select(vec4<f32>(), qkv[element / 4u], d < problem.head_dim);
}

fn dy_quad(element: u32, d: u32) -> vec4<f32> {
  return select(vec4<f32>(), dy[element / 4u], d < problem.head_dim);
}

fn store(element: u32, d: u32, value: vec4<f32>) {
  result[element / 4u] = value;
}

fn store_statistics(row: u32, value: vec4<f32>) {
  result[row] = value;
}
