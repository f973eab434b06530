// Adds the partial sums of a product that was split along k, in order: y = finish(Σ over splits of a).
// a is [splits, batch, m, n] here. Grid: an invocation per quad of a row of y.

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let quads = (problem.n + 3u) / 4u;
  let row = i / quads % problem.m;
  let column = i % quads * 4u;
  let layer = i / quads / problem.m;
  if (layer >= problem.batches) {
    return;
  }
  let base = layer * problem.m * problem.n;
  let stride = problem.batches * problem.m * problem.n;
  var sum = vec4<f32>();
  for (var split = 0u; split < problem.splits; split++) {
    sum += a_quad(split * stride + base + row * problem.n + column, 4u);
  }
  store(base, row, column, sum, bias_of(column));
}
