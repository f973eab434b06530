/**
 * Where data sets are published: official addresses, or the mirror that the makers' own pages point to, with sizes
 * and checksums. SHA-256 values are those that TensorFlow Datasets lists; of Tiny ImageNet only an MD5 is known.
 *
 * @module
 */
import type { DatasetKindName, RemoteFile } from "../../src/data/mod.ts";

/** The files of one data set. */
export interface DataSource {
  readonly files: readonly RemoteFile[];
  /** What its makers ask for. */
  readonly terms: string;
}

function sha256(url: string, size: number, hex: string, redirects: readonly string[] = []): RemoteFile {
  return { url, size, redirects, digest: { algorithm: "sha256", hex } };
}

/** Four files under MNIST's names below an address. */
function idxFiles(
  base: string,
  files: readonly (readonly [name: string, size: number, hex: string])[],
): RemoteFile[] {
  return files.map(([name, size, hex]) => sha256(`${base}/${name}-ubyte.gz`, size, hex));
}

/** All data sets that can be downloaded. */
export const dataSources: Readonly<Partial<Record<DatasetKindName, DataSource>>> = {
  cifar100: {
    files: [sha256(
      "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
      168_513_733,
      "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
      ["cave.cs.toronto.edu"],
    )],
    terms:
      "no formal licence; cite A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
  },
  cifar10: {
    files: [sha256(
      "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
      170_052_171,
      "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
      ["cave.cs.toronto.edu"],
    )],
    terms:
      "no formal licence; cite A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
  },
  "tiny-imagenet": {
    files: [{
      url: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
      size: 248_100_043,
      digest: { algorithm: "md5", hex: "90528d7ca1a48142e341f4ef8d21d0de" },
    }],
    terms: "ImageNet's terms: research, non-commercial",
  },
  cub200: {
    files: [sha256(
      "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
      1_150_585_339,
      "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
      ["s3.us-west-2.amazonaws.com"],
    )],
    terms: "research and education, non-commercial; the images belong to their photographers",
  },
  "imagenet-r": {
    files: [sha256(
      "https://people.eecs.berkeley.edu/~hendrycks/imagenet-r.tar",
      2_191_079_936,
      "18c6bf493b39a0d975d48e587437f562caab9c52ae6327dcfa9dd8eb54aa1b52",
    )],
    terms: "MIT for the collection; the images belong to their makers",
  },
  omniglot: {
    files: [
      sha256(
        "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip",
        9_464_212,
        "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
      ),
      sha256(
        "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_evaluation.zip",
        6_462_886,
        "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
      ),
    ],
    terms: "MIT",
  },
  mnist: {
    files: idxFiles("https://storage.googleapis.com/cvdf-datasets/mnist", [
      ["train-images-idx3", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"],
      ["train-labels-idx1", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"],
      ["t10k-images-idx3", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"],
      ["t10k-labels-idx1", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"],
    ]),
    terms: "CC BY-SA 3.0",
  },
  "fashion-mnist": {
    files: idxFiles("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", [
      ["train-images-idx3", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"],
      ["train-labels-idx1", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"],
      ["t10k-images-idx3", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"],
      ["t10k-labels-idx1", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"],
    ]),
    terms: "MIT",
  },
  kmnist: {
    files: idxFiles("http://codh.rois.ac.jp/kmnist/dataset/kmnist", [
      ["train-images-idx3", 18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"],
      ["train-labels-idx1", 29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"],
      ["t10k-images-idx3", 3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"],
      ["t10k-labels-idx1", 5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"],
    ]),
    terms: "CC BY-SA 4.0",
  },
  emnist: {
    files: [sha256(
      "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
      561_753_746,
      "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    )],
    terms: "public domain (NIST Special Database 19)",
  },
};
