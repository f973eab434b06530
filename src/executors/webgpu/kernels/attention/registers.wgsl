// Attention for adapters that compute on the CPU: y = softmax(scale q kᵀ) v by head, and its gradient, block by block
// of 4 queries by 4 keys in registers, so that no matrix of scores is written (Dao et al., arXiv 2205.14135).
// An invocation owns 4 tokens and 4 CHUNK components of the result, for which it computes the scores anew.
//   weights w = softmax of scores s,  o = w v
//   dw = dy vᵀ,  ds = w ∘ (dw - Σ over keys w ∘ dw) · scale,  dq = ds k,  dk = dsᵀ q,  dv = wᵀ dy
// Grid: an invocation per head, quad of tokens and chunk of components; for `measure` without chunks.

override WORKGROUP: u32 = 16;
override CHUNK: u32 = 4; // 1 to 4

// Four tokens as the columns of a matrix.
fn tokens_block(part: u32, token: u32, d: u32) -> mat4x4<f32> {
  return mat4x4<f32>(
    part_quad(part, token, d),
    part_quad(part, token + 1u, d),
    part_quad(part, token + 2u, d),
    part_quad(part, token + 3u, d),
  );
}

// Inner products of four tokens with four: column i belongs to token `column` + i of `column_part`.
fn inner_block(column_part: u32, column: u32, row_part: u32, row: u32) -> mat4x4<f32> {
  var products = mat4x4<f32>();
  for (var d = 0u; d < problem.head_dim; d += 4u) {
    products += transpose(tokens_block(row_part, row, d)) * tokens_block(column_part, column, d);
  }
  return products;
}

struct Place { quad: u32, d: u32, valid: bool }

// Finds what this invocation owns, and enters its head.
fn place_of(group: vec3<u32>, groups: vec3<u32>, lane: u32, chunks: u32) -> Place {
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  let quads = (problem.tokens + 3u) / 4u;
  let head = i / chunks / quads;
  enter(head);
  return Place(i / chunks % quads * 4u, i % chunks * 4u * CHUNK, head < problem.batches * problem.heads);
}

fn chunks_of_head() -> u32 {
  return (problem.head_dim + 4u * CHUNK - 1u) / (4u * CHUNK);
}

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = place_of(group, groups, lane, chunks_of_head());
  if (!place.valid) {
    return;
  }
  let d = place.d;
  var largest = vec4<f32>(NEVER);
  var total = vec4<f32>();
  var y_0 = mat4x4<f32>();
  var y_1 = mat4x4<f32>();
  var y_2 = mat4x4<f32>();
  var y_3 = mat4x4<f32>();
  for (var key = 0u; key < problem.tokens; key += 4u) {
    let scores = mask_keys(problem.scale * inner_block(1u, key, 0u, place.quad), key);
    let before = largest;
    largest = max(largest, maximum_of_columns(scores));
    let shrink = exp(before - largest);
    let exponentials = exp_of_columns(scores, largest);
    total = total * shrink + sum_of_columns(exponentials);
    let weights = transpose(exponentials);
    y_0 = scale_columns(y_0, shrink) + tokens_block(2u, key, d) * weights;
    if (CHUNK > 1u) {
      y_1 = scale_columns(y_1, shrink) + tokens_block(2u, key, d + 4u) * weights;
    }
    if (CHUNK > 2u) {
      y_2 = scale_columns(y_2, shrink) + tokens_block(2u, key, d + 8u) * weights;
    }
    if (CHUNK > 3u) {
      y_3 = scale_columns(y_3, shrink) + tokens_block(2u, key, d + 12u) * weights;
    }
  }
  let inverse = 1.0 / total;
  store_block(3u, place.quad, d, scale_columns(y_0, inverse));
  if (CHUNK > 1u) {
    store_block(3u, place.quad, d + 4u, scale_columns(y_1, inverse));
  }
  if (CHUNK > 2u) {
    store_block(3u, place.quad, d + 8u, scale_columns(y_2, inverse));
  }
  if (CHUNK > 3u) {
    store_block(3u, place.quad, d + 12u, scale_columns(y_3, inverse));
  }
}

@compute @workgroup_size(WORKGROUP)
fn measure(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = place_of(group, groups, lane, 1u);
  if (!place.valid) {
    return;
  }
  var largest = vec4<f32>(NEVER);
  var total = vec4<f32>();
  var slope = vec4<f32>();
  for (var key = 0u; key < problem.tokens; key += 4u) {
    let scores = mask_keys(problem.scale * inner_block(1u, key, 0u, place.quad), key);
    let before = largest;
    largest = max(largest, maximum_of_columns(scores));
    let shrink = exp(before - largest);
    let exponentials = exp_of_columns(scores, largest);
    total = total * shrink + sum_of_columns(exponentials);
    slope = slope * shrink +
      sum_of_columns(multiply_elements(exponentials, inner_block(2u, key, 3u, place.quad)));
  }
  let inverse = 1.0 / total;
  store_all_statistics(place.quad, mat4x4<f32>(largest, inverse, slope * inverse, vec4<f32>()));
}

fn pair_at(key: u32, query: u32, known: mat4x4<f32>) -> Pair {
  let scores = mask_keys(problem.scale * inner_block(1u, key, 0u, query), key);
  return pair_of(scores, inner_block(2u, key, 3u, query), known);
}

@compute @workgroup_size(WORKGROUP)
fn gradient_q(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = place_of(group, groups, lane, chunks_of_head());
  if (!place.valid) {
    return;
  }
  let d = place.d;
  let known = statistics_of(place.quad);
  var dq_0 = mat4x4<f32>();
  var dq_1 = mat4x4<f32>();
  var dq_2 = mat4x4<f32>();
  var dq_3 = mat4x4<f32>();
  for (var key = 0u; key < problem.tokens; key += 4u) {
    let slopes = transpose(pair_at(key, place.quad, known).slopes);
    dq_0 += tokens_block(1u, key, d) * slopes;
    if (CHUNK > 1u) {
      dq_1 += tokens_block(1u, key, d + 4u) * slopes;
    }
    if (CHUNK > 2u) {
      dq_2 += tokens_block(1u, key, d + 8u) * slopes;
    }
    if (CHUNK > 3u) {
      dq_3 += tokens_block(1u, key, d + 12u) * slopes;
    }
  }
  store_block(0u, place.quad, d, dq_0);
  if (CHUNK > 1u) {
    store_block(0u, place.quad, d + 4u, dq_1);
  }
  if (CHUNK > 2u) {
    store_block(0u, place.quad, d + 8u, dq_2);
  }
  if (CHUNK > 3u) {
    store_block(0u, place.quad, d + 12u, dq_3);
  }
}

// Here the invocation's tokens are keys; CHUNK is 1 or 2.
@compute @workgroup_size(WORKGROUP)
fn gradient_kv(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = place_of(group, groups, lane, chunks_of_head());
  if (!place.valid) {
    return;
  }
  let d = place.d;
  var dk_0 = mat4x4<f32>();
  var dk_1 = mat4x4<f32>();
  var dv_0 = mat4x4<f32>();
  var dv_1 = mat4x4<f32>();
  for (var query = 0u; query < problem.tokens; query += 4u) {
    let pair = pair_at(place.quad, query, statistics_of(query));
    dk_0 += tokens_block(0u, query, d) * pair.slopes;
    dv_0 += tokens_block(3u, query, d) * pair.weights;
    if (CHUNK > 1u) {
      dk_1 += tokens_block(0u, query, d + 4u) * pair.slopes;
      dv_1 += tokens_block(3u, query, d + 4u) * pair.weights;
    }
  }
  store_block(1u, place.quad, d, dk_0);
  store_block(2u, place.quad, d, dv_0);
  if (CHUNK > 1u) {
    store_block(1u, place.quad, d + 4u, dk_1);
    store_block(2u, place.quad, d + 4u, dv_1);
  }
}
