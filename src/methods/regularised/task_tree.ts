/**
 * A tree of tasks whose gradients are alike, and the bandit that finds in it the task that is most like a new one with
 * one comparison a round (TreeLoRA, arXiv 2506.10355, equations 1 and 2; the rule on trees is that of Coquelin and
 * Munos, arXiv cs/0703062).
 *
 * @module
 */

/** A group of tasks; without children it is one task. */
export interface TaskNode {
  readonly tasks: readonly number[];
  /** The median distance of the tasks to their mean: δ. */
  readonly spread: number;
  readonly children: readonly TaskNode[];
}

/** How far two gradients are apart, from 0 to 1: ‖u - v‖₁ / (‖u‖₁ + ‖v‖₁). */
export function gradientDistance(u: Float32Array, v: Float32Array): number {
  let [apart, long] = [0, 0];
  for (let i = 0; i < u.length; i++) {
    apart += Math.abs(u[i]! - v[i]!);
    long += Math.abs(u[i]!) + Math.abs(v[i]!);
  }
  return long > 0 ? apart / long : 0;
}

/**
 * The tree of tasks 0 to n - 1. A node at depth d parts its tasks by their gradients in layer d: those no farther from
 * the mean than the median distance, and the others. Tasks that no layer is left for are leaves side by side.
 *
 * @param gradients By task and layer
 */
export function taskTree(gradients: readonly (readonly Float32Array[])[]): TaskNode {
  return grow(gradients, gradients.map((_, task) => task), 0);
}

function grow(
  gradients: readonly (readonly Float32Array[])[],
  tasks: readonly number[],
  layer: number,
): TaskNode {
  if (tasks.length === 1) return { tasks, spread: 0, children: [] };
  const layers = gradients[0]!.length;
  const vectors = tasks.map((task) => gradients[task]![Math.min(layer, layers - 1)]!);
  const mean = Float32Array.from(
    vectors[0]!,
    (_, i) => vectors.reduce((total, vector) => total + vector[i]!, 0) / vectors.length,
  );
  const distances = vectors.map((vector) => gradientDistance(vector, mean));
  const spread = distances.toSorted((a, b) => a - b)[Math.floor((tasks.length - 1) / 2)]!;
  if (layer >= layers) {
    return { tasks, spread, children: tasks.map((task) => grow(gradients, [task], layer)) };
  }
  const near = tasks.filter((_, i) => distances[i]! <= spread);
  const far = tasks.filter((_, i) => distances[i]! > spread);
  // All equally far: no line parts them.
  const half = Math.ceil(tasks.length / 2);
  const [one, other] = far.length > 0 ? [near, far] : [tasks.slice(0, half), tasks.slice(half)];
  return { tasks, spread, children: [grow(gradients, one, layer + 1), grow(gradients, other, layer + 1)] };
}

/** What was seen of a node. */
export interface Seen {
  readonly count: number;
  /** Sum of the distances. */
  readonly total: number;
}

/**
 * The lower confidence bound of a node's distance in round t, counted from 1. Of a task: μ - 2 √(ln t / n); of a group
 * the same less δ, or the least of its children's if that is higher. What was never looked at is at -∞.
 */
export function lowerBound(node: TaskNode, round: number, seen: ReadonlyMap<TaskNode, Seen>): number {
  const { count, total } = seen.get(node) ?? { count: 0, total: 0 };
  if (count === 0) return -Infinity;
  const own = total / count - 2 * Math.sqrt(Math.log(round) / count) - node.spread;
  if (node.children.length === 0) return own;
  return Math.max(own, Math.min(...node.children.map((child) => lowerBound(child, round, seen))));
}

/**
 * Plays: each round goes down the tree to the child of the least bound, the first of equals, and looks at the task
 * that it comes to.
 *
 * @param look The distance to a task as a round finds it
 * @returns By task, the share of the rounds that came to it
 */
export function playBandit(
  tree: TaskNode,
  rounds: number,
  look: (task: number, round: number) => number,
): number[] {
  const seen = new Map<TaskNode, Seen>();
  const shares = tree.tasks.map(() => 0);
  for (let round = 1; round <= rounds; round++) {
    const path = [tree];
    for (let { children } = tree; children.length > 0; { children } = path.at(-1)!) {
      const bounds = children.map((child) => lowerBound(child, round, seen));
      path.push(children[bounds.indexOf(Math.min(...bounds))]!);
    }
    const [task] = path.at(-1)!.tasks as [number];
    const distance = look(task, round);
    for (const node of path) {
      const { count, total } = seen.get(node) ?? { count: 0, total: 0 };
      seen.set(node, { count: count + 1, total: total + distance });
    }
    shares[task]! += 1 / rounds;
  }
  return shares;
}
