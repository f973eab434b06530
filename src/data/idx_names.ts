/**
 * What the classes of MNIST's relatives are called; their files do not say.
 *
 * @module
 */

/** Of Fashion-MNIST. */
export const FASHION_NAMES = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
] as const;

/** Of Kuzushiji-MNIST. */
export const KMNIST_NAMES = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"] as const;
