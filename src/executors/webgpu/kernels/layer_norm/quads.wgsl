// Rows of layer normalisation whose width is a multiple of 4 are read in units of four elements.

alias Unit = vec4<f32>;

fn sum_of(unit: Unit) -> f32 {
  return unit.x + unit.y + (unit.z + unit.w);
}
