// Elementwise functions of one, two and three arguments.
//   unary             four elements an invocation
//   binary4, where4   four elements an invocation; each operand is read in one of the ways of `element4`
//   binary1, where1   one element an invocation; operands are read with any strides
// Bindings: 1 a, 2 b (not unary), 3 c (where only), then the result.

override WORKGROUP: u32 = 64;
/// The function. Numbered in elementwise.ts.
override FN: u32 = 0;
/// How `binary4` and `where4` read each operand.
override A: u32 = 0;
override B: u32 = 0;
override C: u32 = 0;
const SAME: u32 = 0; // the four of the result
const REPEAT: u32 = 1; // four % period: whole fours over and over
const SPLAT: u32 = 2; // element (four / divisor) for the whole four
const SPLAT_REPEAT: u32 = 3; // element (four / divisor) % period
const SCALAR: u32 = 4; // element 0
/// Number of axes that `binary1` and `where1` walk.
override AXES: u32 = 1;

struct Count {
  fours: u32,
}

struct Cycles {
  fours: u32,
  a_divisor: u32,
  a_period: u32,
  b_divisor: u32,
  b_period: u32,
  c_divisor: u32,
  c_period: u32,
}

struct Walk {
  count: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
  sizes: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  c_strides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<uniform> count: Count;
@group(0) @binding(1) var<storage, read> a4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> unary_y: array<vec4<f32>>;

@group(0) @binding(0) var<uniform> cycles: Cycles;
@group(0) @binding(2) var<storage, read> b4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> binary_y4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> c4: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> where_y4: array<vec4<f32>>;

@group(0) @binding(0) var<uniform> walk: Walk;
@group(0) @binding(1) var<storage, read> a1: array<f32>;
@group(0) @binding(2) var<storage, read> b1: array<f32>;
@group(0) @binding(3) var<storage, read_write> binary_y1: array<f32>;
@group(0) @binding(3) var<storage, read> c1: array<f32>;
@group(0) @binding(4) var<storage, read_write> where_y1: array<f32>;

// WGSL's own tanh may overflow for large arguments and loses relative accuracy for small ones, where the series serves.
fn tanh4(x: vec4<f32>) -> vec4<f32> {
  let square = min(x * x, vec4<f32>(0.0625));
  let series = ((((62.0 / 2835.0) * square - 17.0 / 315.0) * square + 2.0 / 15.0) * square - 1.0 / 3.0) * square + 1.0;
  let decay = exp(-2.0 * abs(x));
  return select(sign(x) * (1.0 - decay) / (1.0 + decay), x * series, abs(x) < vec4<f32>(0.25));
}

// Odd rational approximation over |x| <= 4 with the coefficients of Eigen's single-precision erf; off by at most 4.2e-7.
fn erf4(point: vec4<f32>) -> vec4<f32> {
  let x = clamp(point, vec4<f32>(-4.0), vec4<f32>(4.0));
  let square = x * x;
  var p = vec4<f32>(-2.72614225801306e-10);
  p = p * square + 2.77068142495902e-8;
  p = p * square - 2.10102402082508e-6;
  p = p * square - 5.69250639462346e-5;
  p = p * square - 7.34990630306855e-4;
  p = p * square - 2.95459980854025e-3;
  p = p * square - 1.60960333262415e-2;
  var q = vec4<f32>(-1.45660718464996e-5);
  q = q * square - 2.13374055278905e-4;
  q = q * square - 1.68282697438203e-3;
  q = q * square - 7.37332916720468e-3;
  q = q * square - 1.42647390514189e-2;
  return x * p / q;
}

fn apply_unary(x: vec4<f32>) -> vec4<f32> {
  switch FN {
    case 0u: { return -x; }
    case 1u: { return exp(x); }
    case 2u: { return log(x); }
    case 3u: { return sqrt(x); }
    case 4u: { return 1.0 / x; }
    case 5u: { return abs(x); }
    case 6u: { return sign(x); }
    case 7u: { return tanh4(x); }
    case 8u: { return erf4(x); }
    // Lets NaN through, so that divergence is seen.
    default: { return select(x, vec4<f32>(0.0), x < vec4<f32>(0.0)); }
  }
}

fn apply_binary(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  let zero = vec4<f32>(0.0);
  let one = vec4<f32>(1.0);
  switch FN {
    case 0u: { return a + b; }
    case 1u: { return a - b; }
    case 2u: { return a * b; }
    case 3u: { return a / b; }
    case 4u: { return select(b, a, a >= b); }
    case 5u: { return select(b, a, a <= b); }
    case 6u: { return select(zero, one, a > b); }
    case 7u: { return select(zero, one, a >= b); }
    default: { return select(zero, one, a == b); }
  }
}

fn apply_where(condition: vec4<f32>, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  return select(b, a, condition != vec4<f32>(0.0));
}

fn splat(four: vec4<f32>, element: u32) -> vec4<f32> {
  return vec4<f32>(four[element % 4u]);
}

fn a_element4(four: u32) -> vec4<f32> {
  switch A {
    case SAME: { return a4[four]; }
    case REPEAT: { return a4[four % cycles.a_period]; }
    case SPLAT: { return splat(a4[four / cycles.a_divisor / 4u], four / cycles.a_divisor); }
    case SPLAT_REPEAT: {
      let element = (four / cycles.a_divisor) % cycles.a_period;
      return splat(a4[element / 4u], element);
    }
    default: { return a4[0].xxxx; }
  }
}

fn b_element4(four: u32) -> vec4<f32> {
  switch B {
    case SAME: { return b4[four]; }
    case REPEAT: { return b4[four % cycles.b_period]; }
    case SPLAT: { return splat(b4[four / cycles.b_divisor / 4u], four / cycles.b_divisor); }
    case SPLAT_REPEAT: {
      let element = (four / cycles.b_divisor) % cycles.b_period;
      return splat(b4[element / 4u], element);
    }
    default: { return b4[0].xxxx; }
  }
}

fn c_element4(four: u32) -> vec4<f32> {
  switch C {
    case SAME: { return c4[four]; }
    case REPEAT: { return c4[four % cycles.c_period]; }
    case SPLAT: { return splat(c4[four / cycles.c_divisor / 4u], four / cycles.c_divisor); }
    case SPLAT_REPEAT: {
      let element = (four / cycles.c_divisor) % cycles.c_period;
      return splat(c4[element / 4u], element);
    }
    default: { return c4[0].xxxx; }
  }
}

/// Positions of the three operands at element `index` of the result.
fn positions(index: u32) -> vec3<u32> {
  var rest = index;
  var position = vec3<u32>(0u);
  for (var i = 0u; i < AXES; i++) {
    let axis = AXES - 1u - i;
    var coordinate = rest;
    // Integer division is dear, and the outermost axis needs none.
    if (axis > 0u) {
      let size = walk.sizes[axis / 4u][axis % 4u];
      rest /= size;
      coordinate -= rest * size;
    }
    let strides = vec3<u32>(
      walk.a_strides[axis / 4u][axis % 4u],
      walk.b_strides[axis / 4u][axis % 4u],
      walk.c_strides[axis / 4u][axis % 4u],
    );
    position += coordinate * strides;
  }
  return position;
}

@compute @workgroup_size(WORKGROUP)
fn unary(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < count.fours) {
    unary_y[i] = apply_unary(a4[i]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn binary4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < cycles.fours) {
    binary_y4[i] = apply_binary(a_element4(i), b_element4(i));
  }
}

@compute @workgroup_size(WORKGROUP)
fn where4(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < cycles.fours) {
    where_y4[i] = apply_where(a_element4(i), b_element4(i), c_element4(i));
  }
}

@compute @workgroup_size(WORKGROUP)
fn binary1(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < walk.count) {
    let at = positions(i);
    binary_y1[i] = apply_binary(vec4<f32>(a1[at.x]), vec4<f32>(b1[at.y])).x;
  }
}

@compute @workgroup_size(WORKGROUP)
fn where1(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < walk.count) {
    let at = positions(i);
    where_y1[i] = apply_where(vec4<f32>(a1[at.x]), vec4<f32>(b1[at.y]), vec4<f32>(c1[at.z])).x;
  }
}
