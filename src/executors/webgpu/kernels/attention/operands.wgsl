// Operands of attention and its gradient. q, k, v and dy of one head are parts 0 to 3: [tokens, head_dim] inside
// qkv [batch, tokens, 3, heads, head_dim] and dy [batch, tokens, heads, head_dim].
// Bindings: 1 qkv, 2 dy, 3 statistics, 4 the result; 2 and 3 are bound to qkv where they are not needed.

struct Problem {
  batches: u32,
  tokens: u32,
  heads: u32,
  head_dim: u32,
  scale: f32, // of the scores
}

// Stands for the score of a key that is not there. Finite, so that differences are no NaN.
const NEVER: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> problem: Problem;

// For each query its largest score, 1 / Σ exp(score - largest), and Σ weight · dweight; [batch, heads, tokens].
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;

// The head that an invocation works on, counted over the batch, and its first elements in qkv and in dy and y.
var<private> layer: u32;
var<private> qkv_start: u32;
var<private> y_start: u32;

fn enter(head: u32) {
  layer = head;
  let dim = problem.heads * problem.head_dim;
  let first = head / problem.heads * problem.tokens * dim;
  let offset = head % problem.heads * problem.head_dim;
  qkv_start = 3u * first + offset;
  y_start = first + offset;
}

fn element_of(part: u32, token: u32, d: u32) -> u32 {
  let dim = problem.heads * problem.head_dim;
  if (part == 3u) {
    return y_start + token * dim + d;
  }
  return qkv_start + (3u * token + part) * dim + d;
}

// Components d … d + 3 of a token's vector, zeros beyond the head. A token beyond the last gives the last.
fn part_quad(part: u32, token: u32, d: u32) -> vec4<f32> {
  let element = element_of(part, min(token, problem.tokens - 1u), d);
  if (part == 3u) {
    return dy_quad(element, d);
  }
  return qkv_quad(element, d);
}

// Stores four components of a token's vector: in part 0 to 2 of dqkv, or in y, which is part 3.
fn store_quad(part: u32, token: u32, d: u32, value: vec4<f32>) {
  if ((token < problem.tokens) & (d < problem.head_dim)) {
    store(element_of(part, token, d), d, value);
  }
}

// The same of four tokens, the columns of the matrix.
fn store_block(part: u32, token: u32, d: u32, block: mat4x4<f32>) {
  store_quad(part, token, d, block[0]);
  store_quad(part, token + 1u, d, block[1]);
  store_quad(part, token + 2u, d, block[2]);
  store_quad(part, token + 3u, d, block[3]);
}

// In the following a matrix holds four queries and four keys, or four tokens and four components.

fn maximum_of_columns(m: mat4x4<f32>) -> vec4<f32> {
  return max(max(m[0], m[1]), max(m[2], m[3]));
}

fn sum_of_columns(m: mat4x4<f32>) -> vec4<f32> {
  return m[0] + m[1] + (m[2] + m[3]);
}

fn exp_of_columns(m: mat4x4<f32>, shift: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(exp(m[0] - shift), exp(m[1] - shift), exp(m[2] - shift), exp(m[3] - shift));
}

// Column i times factors[i].
fn scale_columns(m: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(m[0] * factors.x, m[1] * factors.y, m[2] * factors.z, m[3] * factors.w);
}

fn multiply_elements(a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]);
}

// Columns are keys from `first`; those beyond the last never score.
fn mask_keys(scores: mat4x4<f32>, first: u32) -> mat4x4<f32> {
  let never = vec4<f32>(NEVER);
  return mat4x4<f32>(
    select(never, scores[0], first < problem.tokens),
    select(never, scores[1], first + 1u < problem.tokens),
    select(never, scores[2], first + 2u < problem.tokens),
    select(never, scores[3], first + 3u < problem.tokens),
  );
}

// Statistics of the four queries from `first`, a column for each kind. A query beyond the last gets weights 0.
fn statistics_of(first: u32) -> mat4x4<f32> {
  let last = problem.tokens - 1u;
  let i = layer * problem.tokens;
  let none = vec4<f32>(-NEVER, 0.0, 0.0, 0.0);
  return transpose(mat4x4<f32>(
    select(none, statistics[i + min(first, last)], first <= last),
    select(none, statistics[i + min(first + 1u, last)], first + 1u <= last),
    select(none, statistics[i + min(first + 2u, last)], first + 2u <= last),
    select(none, statistics[i + min(first + 3u, last)], first + 3u <= last),
  ));
}

// Stores statistics of the four queries from `first`, a column for each kind.
fn store_all_statistics(first: u32, columns: mat4x4<f32>) {
  let by_query = transpose(columns);
  let row = layer * problem.tokens + first;
  store_statistics(row, by_query[0]);
  if (first + 1u < problem.tokens) {
    store_statistics(row + 1u, by_query[1]);
  }
  if (first + 2u < problem.tokens) {
    store_statistics(row + 2u, by_query[2]);
  }
  if (first + 3u < problem.tokens) {
    store_statistics(row + 3u, by_query[3]);
  }
}

// Weights and score gradients, a column for each key, from scores and dweights, and the statistics of the queries.
struct Pair { weights: mat4x4<f32>, slopes: mat4x4<f32> }

fn pair_of(scores: mat4x4<f32>, dweights: mat4x4<f32>, known: mat4x4<f32>) -> Pair {
  let inverse = mat4x4<f32>(known[1], known[1], known[1], known[1]);
  let weights = multiply_elements(exp_of_columns(scores, known[0]), inverse);
  let surplus = dweights - mat4x4<f32>(known[2], known[2], known[2], known[2]);
  return Pair(weights, problem.scale * multiply_elements(weights, surplus));
}
