// Reductions over the invocations of a workgroup, as a fixed tree in workgroup memory. Every invocation must call
// them, with its own index as `lane`; WORKGROUP is a power of two. Comes before the kernels that use it.

override WORKGROUP: u32 = 64;

var<workgroup> scratch: array<f32, WORKGROUP>;

fn group_max(lane: u32, value: f32) -> f32 {
  scratch[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      scratch[lane] = max(scratch[lane], scratch[lane + half]);
    }
  }
  return workgroupUniformLoad(&scratch[0]);
}

fn group_sum(lane: u32, value: f32) -> f32 {
  scratch[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      scratch[lane] += scratch[lane + half];
    }
  }
  return workgroupUniformLoad(&scratch[0]);
}
