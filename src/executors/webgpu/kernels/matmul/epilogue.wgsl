// What a product's result goes through on its way to memory: + bias, activation, then combination with `other`.

override BIAS: bool = false;
override ACTIVATION: u32 = 0; // 0 none, 1 relu, 2 gelu by erf, 3 gelu by tanh
override COMBINE: u32 = 0; // 0 none, 1 + other, 2 × other, 3 × gelu'(other) by erf, 4 by tanh

fn bias_of(column: u32) -> vec4<f32> {
  if (BIAS) {
    return bias_quad(column);
  }
  return vec4<f32>();
}

fn finish(product: vec4<f32>, shift: vec4<f32>, element: u32) -> vec4<f32> {
  var value = product + shift;
  if (ACTIVATION == 1u) {
    // Lets NaN through, so that divergence is seen.
    value = select(value, vec4<f32>(), value < vec4<f32>());
  } else if (ACTIVATION == 2u) {
    value *= gate_erf(value).value;
  } else if (ACTIVATION == 3u) {
    value *= gate_tanh(value).value;
  }
  if (COMBINE == 1u) {
    value += other_quad(element);
  } else if (COMBINE == 2u) {
    value *= other_quad(element);
  } else if (COMBINE == 3u) {
    let point = other_quad(element);
    let gate = gate_erf(point);
    value *= gate.value + point * gate.slope;
  } else if (COMBINE == 4u) {
    let point = other_quad(element);
    let gate = gate_tanh(point);
    value *= gate.value + point * gate.slope;
  }
  return value;
}

// A block of 4 rows, which are the columns of the matrix.
fn store_block(base: u32, row: u32, column: u32, block: mat4x4<f32>) {
  let shift = bias_of(column);
  store(base, row, column, block[0], shift);
  store(base, row + 1u, column, block[1], shift);
  store(base, row + 2u, column, block[2], shift);
  store(base, row + 3u, column, block[3], shift);
}
