/**
 * ImageNet-R (Hendrycks et al., arXiv 2006.16241): `<wnid>/*`, names in `README.txt`. It has no splits of its own;
 * continual learning splits it 80 to 20 by a seed (DualPrompt, arXiv 2204.04799).
 *
 * @module
 */
import { findClassFolders } from "./class_folders.ts";
import { Labels, splitBySeed } from "./folder.ts";
import { folderTreeOf } from "./folder_tree.ts";
import type { ImageLayout, TreeIndex } from "./image_set.ts";
import { linesOf } from "./lines.ts";

/** ImageNet-R. */
export function imagenetRLayout(seed: number): ImageLayout {
  return {
    root: "tree",
    plan(index) {
      const { root, notices } = findClassFolders(index.source, folderTreeOf(index.images));
      const labels = new Labels([root]);
      const names = namesOf(index, `${root.path}README.txt`);
      return {
        ...splitBySeed(index.images, labels, seed),
        classNames: labels.classNames.map((wnid) => names.has(wnid) ? `${wnid} ${names.get(wnid)}` : wnid),
        notices,
        regions: [root.path],
      };
    },
  };
}

/** Lines of the form `n01443537 goldfish`. */
function namesOf(index: TreeIndex, file: string): Map<string, string> {
  const lines = index.hasText(file) ? linesOf(index.text(file)) : [];
  return new Map(lines.flatMap((line) => {
    const [, wnid, name] = /^(n\d{8})\s+(.+)$/.exec(line) ?? [];
    return wnid && name ? [[wnid, name] as const] : [];
  }));
}
