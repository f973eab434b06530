// Operands of a product whose rows are multiples of 4 long: a quad of a row is one load or store.
// Bindings: 1 a [batch, m, k], 2 b [batch, k, n], 3 y [batch, m, n], 4 bias [n], 5 other [batch, m, n].

override MASKED: bool = false; // whether the last step along k reaches beyond k

@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> other: array<vec4<f32>>;

// `valid` is 0 or at least 4 here: quads lie inside a row or beyond it.
fn a_quad(element: u32, valid: u32) -> vec4<f32> {
  if (MASKED) {
    return select(vec4<f32>(), a[element / 4u], valid > 0u);
  }
  return a[element / 4u];
}

fn b_quad(element: u32, valid: u32) -> vec4<f32> {
  if (MASKED) {
    return select(vec4<f32>(), b[element / 4u], valid > 0u);
  }
  return b[element / 4u];
}

fn bias_quad(column: u32) -> vec4<f32> {
  return bias[column / 4u];
}

fn other_quad(element: u32) -> vec4<f32> {
  return other[element / 4u];
}

// `shift` is the bias of the columns.
fn store(base: u32, row: u32, column: u32, value: vec4<f32>, shift: vec4<f32>) {
  if ((row < problem.m) & (column < problem.n)) {
    let element = base + row * problem.n + column;
    y[element / 4u] = finish(value, shift, element);
  }
}
