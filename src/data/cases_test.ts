/**
 * Files of the wild, as people have them: the cases beside the repository give what their descriptions ask for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadDataset } from "./load.ts";

const CASES = new URL("../../../shared/cases/data/", import.meta.url);

/** What a case gives: classes, training and test images, and its fingerprint where it is known. */
type Wanted = readonly [classes: number, train: number, test: number, fingerprint?: string];

const PETS = "f346ff98e073ea283737a3d2c824da6a4ed95cd01bd910acf142f5a565c18f8c";

const cases: readonly (readonly [spec: string, wanted: Wanted])[] = [
  ["folder:cmyk-jpeg/pets", [2, 9, 4]],
  ["emnist:emnist-letters-without-mapping/EMNIST/raw,set=letters", [26, 52, 26]],
  ["folder:gif-named-jpg/pets", [2, 9, 4]],
  ["folder:gzip-members/multi.tar.gz", [2, 8, 4, PETS]],
  ["folder:gzip-members/padded.tar.gz", [2, 8, 4, PETS]],
  ["folder:interlaced-low-bit-png/pal4i", [1, 1, 1]],
  ["folder:jpeg-stray-bytes/before-dqt", [1, 1, 1]],
  ["mnist:mnist-raw-folder/torchvision", [4, 40, 20]],
  ["folder:nfc-nfd-split/pets", [2, 8, 4]],
  ["folder:other-formats-dropped/pets", [3, 16, 12]],
  ["folder:split-names-as-classes/training_set", [2, 12, 6]],
  ["list:split-names-as-classes/flat", [2, 8, 4]],
  ["folder:stray-image-moves-root/stray-top.zip", [2, 8, 4, PETS]],
  ["folder:tar-links/t-hard.tar", [2, 9, 4]],
  ["folder:tar-links/t-symtext.tar", [2, 8, 4, PETS]],
  ["folder:unlabelled-test-folder/tiny-imagenet-200", [2, 8, 4]],
  ["folder:zip-backslashes/backslash.zip", [2, 8, 4, PETS]],
];

for (const [spec, [classes, train, test, fingerprint]] of cases) {
  const [kind, path] = spec.split(":") as [string, string];
  const place = new URL(path.split(",")[0]!, CASES);
  let present = true;
  try {
    Deno.statSync(place);
  } catch {
    present = false;
  }
  Deno.test({
    name: present ? `case ${spec}` : `case ${spec} (skipped: not in ../shared/cases)`,
    ignore: !present,
    async fn() {
      const dataset = await loadDataset(`${kind}:${CASES.pathname}${path}`);
      assert.deepEqual([dataset.classNames.length, dataset.train.count, dataset.test.count], [
        classes,
        train,
        test,
      ]);
      if (fingerprint) assert.equal(dataset.fingerprint, fingerprint);
    },
  });
}
