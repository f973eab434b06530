// Φ of GELU and its derivative, for every kernel that applies GELU; Hendrycks and Gimpel, arXiv 1606.08415.

// Φ and Φ' at four points.
struct Gate { value: vec4<f32>, slope: vec4<f32> }

// The tail Φ(-|x|) is exp(-x²/2) P(q) / (|x| + 3) with q = (|x| - 3) / (|x| + 3): the form of Shepherd and Laframboise
// (Math. Comp. 36, 1981) for erfc. P is our minimax fit over |x| <= 14 and is off by at most 5e-8, so Φ keeps its
// relative accuracy in the tail, where 1 - erf would be left with rounding noise.
// Beyond 14 Φ' underflows: x is held there so that no ∞ enters.
fn gate_erf(point: vec4<f32>) -> Gate {
  let size = min(abs(point), vec4<f32>(14.0));
  let inverse = 1.0 / (size + 3.0);
  let q = (size - 3.0) * inverse;
  var p = vec4<f32>(-0.00026676507);
  p = p * q - 0.00090325024;
  p = p * q + 0.0010760366;
  p = p * q + 0.0069239205;
  p = p * q - 0.010479935;
  p = p * q - 0.0472561;
  p = p * q + 0.23001935;
  p = p * q - 0.5093323;
  p = p * q + 0.72908366;
  let bell = exp(size * size * -0.5);
  let tail = bell * inverse * p;
  return Gate(select(1.0 - tail, tail, point < vec4<f32>(0.0)), bell * 0.39894228); // 1 / √(2π)
}

// The logistic form keeps relative accuracy where tanh is near -1. Beyond 12, where the exponential underflows, x is held
// so that no ∞ enters.
fn gate_tanh(point: vec4<f32>) -> Gate {
  let held = clamp(point, vec4<f32>(-12.0), vec4<f32>(12.0));
  let square = held * held;
  let twice = held * (square * 0.07135481 + 1.5957691); // 2a, with 2 √(2/π) = 1.5957691
  let decay = exp(-abs(twice));
  let inverse = 1.0 / (1.0 + decay);
  let value = select(inverse, decay * inverse, point < vec4<f32>(0.0));
  return Gate(value, decay * inverse * inverse * (square * 0.21406444 + 1.5957691));
}
