/**
 * The kinds of conditions with their severities. Those of looks and places follow what CIFAR-10-C (Hendrycks and
 * Dietterich, arXiv 1903.12261) has for corruptions and Rotated MNIST for places, as far as they can be had in integers.
 *
 * @module
 */
import {
  boxMean,
  type Change,
  coded,
  colours,
  type ImageShape,
  luma,
  moved,
  noise,
  pixelate,
  placed,
  specks,
  tone,
} from "./pixels.ts";

/** A kind of a family, by severities. */
export interface Kind {
  readonly kind: string;
  readonly family: string;
  /** By what follows the kind in names; one without anything is the only one. */
  readonly changes: Readonly<Record<string, Change>>;
}

/** The changes of some severities, which stand in the names as they are. */
function by(severities: readonly number[], change: (severity: number) => Change): Kind["changes"] {
  return Object.fromEntries(severities.map((severity) => [` ${severity}`, change(severity)]));
}

const quarters = { " 1/4": 1, " 1/2": 2, " 3/4": 3, " 3/2": 6, " 2": 8, " 3": 12 } as const;

function each<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Change) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

/** A factor of 1/4 at one end that rises to 1 at the other. */
const lit = (share: (y: number, x: number, shape: ImageShape) => readonly [at: number, of: number]): Change =>
  placed((value, y, x, shape) => {
    const [at, of] = share(y, x, shape);
    return value * (64 + Math.floor(192 * at / Math.max(1, of))) >> 8;
  });

const covered = (isCovered: (y: number, x: number, shape: ImageShape) => boolean): Change =>
  placed((value, y, x, shape) => isCovered(y, x, shape) ? 0 : value);

/** Pixels of a side that lie outside of a centred part a / b of it, at the start. */
const margin = (side: number, a: number, b: number) => Math.floor(side * (b - a) / (2 * b));

const enlarged = (a: number, b: number): Change =>
  moved((y, x, { height, width }) => [
    margin(height, a, b) + Math.floor(y * a / b),
    margin(width, a, b) + Math.floor(x * a / b),
  ]);

const shrunk = (a: number, b: number): Change =>
  moved((y, x, { height, width }) => {
    const from = (place: number, side: number) => {
      const inner = place - margin(side, a, b);
      const isIn = inner >= 0 && inner < Math.max(1, Math.floor(side * a / b));
      return isIn ? Math.min(side - 1, Math.floor(inner * b / a)) : -1;
    };
    const [top, left] = [from(y, height), from(x, width)];
    return top < 0 || left < 0 ? undefined : [top, left];
  });

/** What leaves on one side comes in on the other. */
const shifted = (down: number, right: number): Change =>
  moved((y, x, { height, width }) => [
    (y + height - down * Math.floor(height / 4)) % height,
    (x + width - right * Math.floor(width / 4)) % width,
  ]);

const mirrored = moved((y, x, { width }) => [y, width - 1 - x]);
const upsideDown = moved((y, x, { height }) => [height - 1 - y, x]);
const halfTurn = moved((y, x, { height, width }) => [height - 1 - y, width - 1 - x]);

/** What changes how an image looks and not where its parts are. */
export const looks: readonly Kind[] = [
  { kind: "brightness", family: "tone", changes: by([-90, -60, -30, 30, 60, 90], (d) => tone((v) => v + d)) },
  {
    kind: "contrast",
    family: "tone",
    changes: each(quarters, (c) => tone((v) => 128 + Math.floor((v - 128) * c / 4))),
  },
  { kind: "fade", family: "tone", changes: by([2, 4, 6], (k) => tone((v) => v * (8 - k) + 255 * k >> 3)) },
  { kind: "shade", family: "tone", changes: by([2, 4, 6], (k) => tone((v) => v * (8 - k) >> 3)) },
  {
    kind: "curve",
    family: "tone",
    changes: {
      " down": tone((v) => Math.floor(v * v / 255)),
      " up": tone((v) => 255 - Math.floor((255 - v) ** 2 / 255)),
    },
  },
  { kind: "invert", family: "tone", changes: { "": tone((v) => 255 - v) } },
  { kind: "solarise", family: "tone", changes: by([64, 128, 192], (t) => tone((v) => v >= t ? 255 - v : v)) },
  {
    kind: "light",
    family: "tone",
    changes: {
      " right": lit((_y, x, { width }) => [x, width - 1]),
      " left": lit((_y, x, { width }) => [width - 1 - x, width - 1]),
      " below": lit((y, _x, { height }) => [y, height - 1]),
      " above": lit((y, _x, { height }) => [height - 1 - y, height - 1]),
    },
  },
  {
    kind: "posterise",
    family: "coding",
    changes: by([2, 3, 4, 6], (n) => tone((v) => Math.floor((v * n >> 8) * 255 / (n - 1)))),
  },
  { kind: "blocks", family: "coding", changes: by([8, 16, 32, 64], coded) },
  { kind: "blur", family: "sharpness", changes: by([1, 2, 3, 4], (r) => boxMean(r, r)) },
  {
    kind: "smear",
    family: "sharpness",
    changes: {
      " across 2": boxMean(0, 2),
      " across 4": boxMean(0, 4),
      " down 2": boxMean(2, 0),
      " down 4": boxMean(4, 0),
    },
  },
  { kind: "pixelate", family: "sharpness", changes: by([2, 3, 4, 6], pixelate) },
  { kind: "noise", family: "noise", changes: by([12, 24, 36, 48, 72], noise) },
  { kind: "specks", family: "noise", changes: by([2, 4, 8, 16], specks) },
  {
    kind: "cover",
    family: "cover",
    changes: {
      " middle": covered((y, x, { height, width }) =>
        y >= margin(height, 1, 4) && y < height - margin(height, 1, 4) &&
        x >= margin(width, 1, 4) && x < width - margin(width, 1, 4)
      ),
      " frame": covered((y, x, { height, width }) =>
        y < margin(height, 2, 3) || y >= height - margin(height, 2, 3) ||
        x < margin(width, 2, 3) || x >= width - margin(width, 2, 3)
      ),
      " left": covered((_y, x, { width }) => 3 * x < width - 2),
      " bars": covered((y, _x, { height }) => Math.floor(8 * y / height) % 4 === 1),
    },
  },
];

const swaps = {
  " rbg": [0, 2, 1],
  " grb": [1, 0, 2],
  " gbr": [1, 2, 0],
  " brg": [2, 0, 1],
  " bgr": [2, 1, 0],
};
const tints = { " red": 4, " green": 2, " blue": 1, " yellow": 6, " magenta": 5, " cyan": 3 };

/** The same, for images of three channels. */
export const colourLooks: readonly Kind[] = [
  {
    kind: "grey",
    family: "colour",
    changes: {
      "": colours((r, g, b) => {
        const value = luma(r, g, b);
        return [value, value, value];
      }),
    },
  },
  {
    kind: "saturation",
    family: "colour",
    changes: each({ " 1/2": 2, " 2": 8, " 3": 12 }, (s) =>
      colours((r, g, b) => {
        const value = luma(r, g, b);
        const away = (v: number) => value + Math.floor((v - value) * s / 4);
        return [away(r), away(g), away(b)];
      })),
  },
  {
    kind: "tint",
    family: "colour",
    changes: each(tints, (kept) =>
      colours((r, g, b) => {
        const damped = (v: number, bit: number) => kept & bit ? v : v * 5 >> 3;
        return [damped(r, 4), damped(g, 2), damped(b, 1)];
      })),
  },
  {
    kind: "swap",
    family: "colour",
    changes: each<readonly number[]>(
      swaps,
      ([r, g, b]) => colours((...pixel) => [pixel[r!]!, pixel[g!]!, pixel[b!]!]),
    ),
  },
];

/** What changes where the parts of an image are. Quarter turns are for squares. */
export const places: readonly Kind[] = [
  { kind: "none", family: "none", changes: {} },
  { kind: "mirror", family: "place", changes: { " across": mirrored, " down": upsideDown } },
  { kind: "turn", family: "place", changes: { " 180": halfTurn } },
  {
    kind: "shift",
    family: "place",
    changes: {
      " left": shifted(0, -1),
      " right": shifted(0, 1),
      " up": shifted(-1, 0),
      " down": shifted(1, 0),
    },
  },
  {
    kind: "zoom",
    family: "place",
    changes: {
      " 4/3": enlarged(3, 4),
      " 3/2": enlarged(2, 3),
      " 2": enlarged(1, 2),
      " 3/4": shrunk(3, 4),
      " 1/2": shrunk(1, 2),
    },
  },
];

export const quarterTurns: readonly Kind[] = [{
  kind: "turn",
  family: "place",
  changes: {
    " 90": moved((y, x, { width }) => [x, width - 1 - y]),
    " 270": moved((y, x, { height }) => [height - 1 - x, y]),
  },
}];

export const turns = {
  ", mirrored": mirrored,
  ", upside down": upsideDown,
  ", half turn": halfTurn,
} as const;
