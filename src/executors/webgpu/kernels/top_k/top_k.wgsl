// The k-th largest magnitude, exactly, by radix selection. The bits of a non-negative float order like the float, so
// three passes fix 11, 10 and 10 bits of the answer from the top:
//   histogram_* counts the digits of all magnitudes whose higher digits are the answer's;
//   select      adds the histograms up and walks them from the top to the digit where the k-th magnitude lies.
// Counting is integer, so its order does not matter. NaN counts as larger than ∞.
// Bindings, histogram_*: 1 x [count] in quads of 4 elements, 2 progress, 3 histograms [parts, BINS];
//           select:      1 histograms, 2 progress, 3 threshold [1].
// progress is [bits of the answer fixed so far, rank of the answer among what is left]; pass 0 does not read it.
// Grid: histogram_group, `parts` workgroups with atomics in workgroup memory;
//       histogram_row, `parts` invocations with a histogram each; select, one workgroup.

override WORKGROUP: u32 = 256;

const BINS = 2048u;
const LANES = 256u;

struct Pass { count: u32, parts: u32, k: u32, shift: u32, bins: u32, is_first: u32 }

@group(0) @binding(0) var<uniform> current: Pass;

@group(0) @binding(2) var<storage, read_write> progress: array<u32>;

@group(0) @binding(1) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> histograms: array<u32>;

@group(0) @binding(1) var<storage, read> histograms_in: array<u32>;
@group(0) @binding(3) var<storage, read_write> threshold: array<u32>;

var<workgroup> local: array<atomic<u32>, BINS>;
var<workgroup> totals: array<u32, BINS>;
var<workgroup> lane_totals: array<u32, LANES>;

// The digit of a magnitude in this pass, or `BINS` if a higher digit is not the answer's.
fn digit_of(element: u32, bits: u32, fixed: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let digit = (magnitude >> current.shift) % current.bins;
  let higher = current.shift + firstTrailingBit(current.bins);
  let counts = element < current.count && (magnitude >> higher) == (fixed >> higher);
  return select(BINS, digit, counts);
}

fn fixed_bits() -> u32 {
  return select(progress[0], 0u, current.is_first == 1u);
}

@compute @workgroup_size(WORKGROUP)
fn histogram_group(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let fixed = fixed_bits();
  for (var i = group.x * WORKGROUP + lane; i < (current.count + 3u) / 4u; i += current.parts * WORKGROUP) {
    for (var c = 0u; c < 4u; c++) {
      let digit = digit_of(4u * i + c, x[i][c], fixed);
      if (digit < BINS) {
        atomicAdd(&local[digit], 1u);
      }
    }
  }
  workgroupBarrier();
  for (var bin = lane; bin < current.bins; bin += WORKGROUP) {
    histograms[group.x * BINS + bin] = atomicLoad(&local[bin]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn histogram_row(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = group.x * WORKGROUP + lane;
  if (part >= current.parts) {
    return;
  }
  for (var bin = 0u; bin < current.bins; bin++) {
    histograms[part * BINS + bin] = 0u;
  }
  let fixed = fixed_bits();
  for (var i = part; i < (current.count + 3u) / 4u; i += current.parts) {
    let quad = x[i];
    for (var c = 0u; c < 4u; c++) {
      let digit = digit_of(4u * i + c, quad[c], fixed);
      if (digit < BINS) {
        histograms[part * BINS + digit] += 1u;
      }
    }
  }
}

@compute @workgroup_size(LANES)
fn select_digit(@builtin(local_invocation_index) lane: u32) {
  // Each lane adds up a run of neighbouring bins.
  let bins_per_lane = (current.bins + LANES - 1u) / LANES;
  var lane_total = 0u;
  for (var b = 0u; b < bins_per_lane; b++) {
    let bin = lane * bins_per_lane + b;
    var total = 0u;
    for (var part = 0u; part < current.parts; part++) {
      total += histograms_in[part * BINS + bin];
    }
    totals[bin] = total;
    lane_total += total;
  }
  lane_totals[lane] = lane_total;
  workgroupBarrier();
  if (lane > 0u) {
    return;
  }
  var rank = select(progress[1], current.k, current.is_first == 1u);
  var run = LANES - 1u;
  while (run > 0u && lane_totals[run] < rank) {
    rank -= lane_totals[run];
    run--;
  }
  var bin = (run + 1u) * bins_per_lane - 1u;
  while (bin > run * bins_per_lane && totals[bin] < rank) {
    rank -= totals[bin];
    bin--;
  }
  let fixed = fixed_bits() | (bin << current.shift);
  progress[0] = fixed;
  progress[1] = rank;
  threshold[0] = fixed;
}
