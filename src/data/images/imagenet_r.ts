/**
 * ImageNet-R (Hendrycks et al., arXiv 2006.16241): `<wnid>/*`, names in `README.txt`. It has no splits of its own;
 * continual learning splits it 80 to 20 by a seed (DualPrompt, arXiv 2204.04799).
 *
 * @module
 */
import { classesOf, splitBySeed } from "./folder.ts";
import type { ImageLayout, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";

/** ImageNet-R. */
export function imagenetRLayout(seed: number): ImageLayout {
  return {
    root: "images",
    plan(index) {
      const wnids = classesOf(index, index.images);
      const names = namesOf(index);
      return {
        ...splitBySeed(index.images, wnids, seed),
        classNames: wnids.map((wnid) => names.has(wnid) ? `${wnid} ${names.get(wnid)}` : wnid),
      };
    },
  };
}

/** Lines of the form `n01443537 goldfish`. */
function namesOf(index: TreeIndex): Map<string, string> {
  const lines = index.hasText("README.txt") ? linesOf(index.text("README.txt")) : [];
  return new Map(lines.flatMap((line) => {
    const [, wnid, name] = /^(n\d{8})\s+(.+)$/.exec(line) ?? [];
    return wnid && name ? [[wnid, name] as const] : [];
  }));
}
