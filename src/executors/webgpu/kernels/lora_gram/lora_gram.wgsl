// Frobenius inner products of low-rank products, without forming them:
//   gram[i, j] = ⟨B_i A_i, B_j A_j⟩ = Σ over p, q of (A_i A_jᵀ)[p, q] (B_iᵀ B_j)[p, q]
// Bindings: 1 a [n, rank, inputs], 2 b [n, outputs, rank]; tiles 3 gram [n, n]; blocks (a, b in quads) 3 sums;
//           finish 1 sums, 2 gram.
// Both ways give a gram that is symmetric bit for bit.
//   tiles:  the rows of all A_i (and of all B_iᵀ) are stacked, each adapter in a slot of 4, 8, … 64 rows. A workgroup
//           computes a 64x64 tile of both products from workgroup memory, 4x4 of it per invocation, and sums their
//           product slot by slot. An adapter of rank over 64 has several tiles, all done by one workgroup.
//           Grid: a workgroup per pair of tiles; those below the diagonal end at once.
//   blocks: an invocation per pair of adapters and 4 rows of the first, with 4x4 products in registers; rank and
//           inputs are divisible by 4. Pair (i, c) is adapter i and adapter (i + c) mod n, for c = 0 … n / 2: every
//           pair occurs.
//   finish: an invocation per element of gram, adds the blocks of a pair.

override WORKGROUP: u32 = 64;

struct Shape { n: u32, rank: u32, inputs: u32, outputs: u32, slot: u32 }

@group(0) @binding(0) var<uniform> shape: Shape;

@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> gram: array<f32>;

@group(0) @binding(1) var<storage, read> a_quads: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b_quads: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@group(0) @binding(1) var<storage, read> block_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> finished: array<f32>;

const TILE = 64u;
const DEPTH = 16u; // of a tile in workgroup memory, along inputs or outputs
const QUADS = 16u; // rows of a tile in fours

var<workgroup> left: array<vec4<f32>, DEPTH * QUADS>;
var<workgroup> right: array<vec4<f32>, DEPTH * QUADS>;
var<workgroup> tile_sums: array<f32, QUADS * QUADS>;

// Row `p` of A_i or B_iᵀ at column `k`; 0 outside.
fn factor(of_a: bool, i: u32, p: u32, k: u32) -> f32 {
  if (i >= shape.n || p >= shape.rank) {
    return 0.0;
  }
  if (of_a) {
    if (k >= shape.inputs) {
      return 0.0;
    }
    return a[(i * shape.rank + p) * shape.inputs + k];
  }
  if (k >= shape.outputs) {
    return 0.0;
  }
  return b[(i * shape.outputs + k) * shape.rank + p];
}

// Four stacked rows of a tile at column `k`. `base` is the first row of an adapter in this tile: 0 unless rank > 64.
fn factor_quad(of_a: bool, tile: u32, base: u32, quad: u32, k: u32) -> vec4<f32> {
  let i = tile * (TILE / shape.slot) + 4u * quad / shape.slot;
  let p = base + 4u * quad % shape.slot;
  return vec4<f32>(
    factor(of_a, i, p, k),
    factor(of_a, i, p + 1u, k),
    factor(of_a, i, p + 2u, k),
    factor(of_a, i, p + 3u, k),
  );
}

fn tile_product(of_a: bool, tiles: vec2<u32>, bases: vec2<u32>, lane: u32) -> array<vec4<f32>, 4> {
  var product: array<vec4<f32>, 4>;
  let depth = select(shape.outputs, shape.inputs, of_a);
  for (var start = 0u; start < depth; start += DEPTH) {
    let k = lane % DEPTH;
    let quad = lane / DEPTH;
    left[k * QUADS + quad] = factor_quad(of_a, tiles.x, bases.x, quad, start + k);
    right[k * QUADS + quad] = factor_quad(of_a, tiles.y, bases.y, quad, start + k);
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let l = left[d * QUADS + lane / QUADS];
      let r = right[d * QUADS + lane % QUADS];
      product[0] += l.x * r;
      product[1] += l.y * r;
      product[2] += l.z * r;
      product[3] += l.w * r;
    }
    workgroupBarrier();
  }
  return product;
}

@compute @workgroup_size(256)
fn tiles(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  if (group.x < group.y) {
    return;
  }
  let pair = vec2<u32>(group.y, group.x);
  var total = 0.0;
  for (var base_i = 0u; base_i < shape.rank; base_i += TILE) {
    for (var base_j = 0u; base_j < shape.rank; base_j += TILE) {
      let of_a = tile_product(true, pair, vec2<u32>(base_i, base_j), lane);
      let of_b = tile_product(false, pair, vec2<u32>(base_i, base_j), lane);
      total += dot(of_a[0], of_b[0]) + dot(of_a[1], of_b[1]) + dot(of_a[2], of_b[2]) + dot(of_a[3], of_b[3]);
    }
  }
  tile_sums[lane] = total;
  workgroupBarrier();

  let per_tile = TILE / shape.slot;
  let quads = shape.slot / 4u;
  let slots = vec2<u32>(lane / per_tile, lane % per_tile);
  let i = pair.x * per_tile + slots.x;
  let j = pair.y * per_tile + slots.y;
  if (lane >= per_tile * per_tile || i > j || j >= shape.n) {
    return;
  }
  var inner = 0.0;
  for (var row = 0u; row < quads; row++) {
    for (var column = 0u; column < quads; column++) {
      inner += tile_sums[(slots.x * quads + row) * QUADS + slots.y * quads + column];
    }
  }
  gram[i * shape.n + j] = inner;
  gram[j * shape.n + i] = inner;
}

// Rows p … p + 3 of A_i by rows q … q + 3 of A_j.
fn block_of_a(i: u32, j: u32, p: u32, q: u32) -> array<vec4<f32>, 4> {
  let width = shape.inputs / 4u;
  let l = (i * shape.rank + p) * width;
  let r = (j * shape.rank + q) * width;
  var product: array<vec4<f32>, 4>;
  for (var k = 0u; k < width; k++) {
    let r0 = a_quads[r + k];
    let r1 = a_quads[r + width + k];
    let r2 = a_quads[r + 2u * width + k];
    let r3 = a_quads[r + 3u * width + k];
    for (var row = 0u; row < 4u; row++) {
      let l0 = a_quads[l + row * width + k];
      product[row] += vec4<f32>(dot(l0, r0), dot(l0, r1), dot(l0, r2), dot(l0, r3));
    }
  }
  return product;
}

// Rows p … p + 3 of B_iᵀ by rows q … q + 3 of B_jᵀ.
fn block_of_b(i: u32, j: u32, p: u32, q: u32) -> array<vec4<f32>, 4> {
  let width = shape.rank / 4u;
  var product: array<vec4<f32>, 4>;
  for (var k = 0u; k < shape.outputs; k++) {
    let l = b_quads[(i * shape.outputs + k) * width + p / 4u];
    let r = b_quads[(j * shape.outputs + k) * width + q / 4u];
    product[0] += l.x * r;
    product[1] += l.y * r;
    product[2] += l.z * r;
    product[3] += l.w * r;
  }
  return product;
}

@compute @workgroup_size(WORKGROUP)
fn blocks(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let quads = shape.rank / 4u;
  let steps = shape.n / 2u + 1u;
  let i = index / quads / steps;
  if (i >= shape.n) {
    return;
  }
  let j = (i + index / quads % steps) % shape.n;
  let p = 4u * (index % quads);
  var total = 0.0;
  for (var q = 0u; q < shape.rank; q += 4u) {
    let of_a = block_of_a(i, j, p, q);
    let of_b = block_of_b(i, j, p, q);
    total += dot(of_a[0], of_b[0]) + dot(of_a[1], of_b[1]) + dot(of_a[2], of_b[2]) + dot(of_a[3], of_b[3]);
  }
  sums[index] = total;
}

@compute @workgroup_size(WORKGROUP)
fn finish(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let element = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (element >= shape.n * shape.n) {
    return;
  }
  // The pair (i, j) with i < j is c = j - i steps from i, or n - c steps from j: the shorter way was computed.
  let i = min(element / shape.n, element % shape.n);
  let j = max(element / shape.n, element % shape.n);
  let steps = shape.n / 2u + 1u;
  let forward = j - i < steps;
  let pair = select(j * steps + shape.n - (j - i), i * steps + (j - i), forward);
  let quads = shape.rank / 4u;
  var total = 0.0;
  for (var block = 0u; block < quads; block++) {
    total += block_sums[pair * quads + block];
  }
  finished[element] = total;
}
