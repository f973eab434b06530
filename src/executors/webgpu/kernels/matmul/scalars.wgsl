// Operands of a product with rows of any length: a quad of a row is four loads or stores.
// Bindings: 1 a [batch, m, k], 2 b [batch, k, n], 3 y [batch, m, n], 4 bias [n], 5 other [batch, m, n].

@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> other: array<f32>;

fn a_quad(element: u32, valid: u32) -> vec4<f32> {
  return keep(vec4<f32>(a[element], a[element + 1u], a[element + 2u], a[element + 3u]), valid);
}

fn b_quad(element: u32, valid: u32) -> vec4<f32> {
  return keep(vec4<f32>(b[element], b[element + 1u], b[element + 2u], b[element + 3u]), valid);
}

fn bias_quad(column: u32) -> vec4<f32> {
  return vec4<f32>(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]);
}

fn other_quad(element: u32) -> vec4<f32> {
  return vec4<f32>(other[element], other[element + 1u], other[element + 2u], other[element + 3u]);
}

// `shift` is the bias of the columns.
fn store(base: u32, row: u32, column: u32, value: vec4<f32>, shift: vec4<f32>) {
  if ((row < problem.m) & (column < problem.n)) {
    let element = base + row * problem.n + column;
    let result = finish(value, shift, element);
    let width = problem.n - column;
    y[element] = result.x;
    if (width > 1u) {
      y[element + 1u] = result.y;
    }
    if (width > 2u) {
      y[element + 2u] = result.z;
    }
    if (width > 3u) {
      y[element + 3u] = result.w;
    }
  }
}
