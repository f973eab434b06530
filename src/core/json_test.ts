import assert from "node:assert/strict";
import { canonicalJson, hashJson, sha256 } from "./json.ts";

Deno.test("canonicalJson() sorts keys at every depth and writes no spaces", () => {
  const value = { b: [1, { d: null, c: true }], a: { z: "é\n", y: -0.5 }, "10": 1, "9": 2 };
  const wanted = '{"10":1,"9":2,"a":{"y":-0.5,"z":"é\\n"},"b":[1,{"c":true,"d":null}]}';
  assert.equal(canonicalJson(value), wanted);
  assert.deepEqual(JSON.parse(wanted), value);
});

Deno.test("canonicalJson() writes numbers as JavaScript does, and -0 as 0", () => {
  assert.equal(canonicalJson([0.1, 1e21, 1e-7, 100, -0, 2 ** 53]), "[0.1,1e+21,1e-7,100,0,9007199254740992]");
});

Deno.test("canonicalJson() refuses what JSON cannot express, and says where", () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ a: { b: [1, NaN] } }, /Cannot serialise \$\.a\.b\[1\]: NaN is not a finite number/],
    [[-Infinity], /Cannot serialise \$\[0\]: -Infinity is not a finite number/],
    [{ a: undefined }, /Cannot serialise \$\.a: found undefined, wanted a JSON value/],
    // deno-lint-ignore no-sparse-arrays -- a hole must not become an empty place in the text
    [[, 1], /Cannot serialise \$\[0\]: found undefined/],
    [() => 1, /Cannot serialise \$: found function/],
    [1n, /found bigint/],
    [Float32Array.of(1), /found object/],
    [new Map(), /found object/],
  ];
  for (const [value, message] of refused) {
    assert.throws(
      () => canonicalJson(value),
      (error: Error) => error instanceof TypeError && message.test(error.message),
    );
  }
});

// Pinned: records and splits are identified by these.
Deno.test("hashJson() gives a pinned hash that ignores the order of keys", () => {
  const wanted = "2d13915cea65e5c86a2097e51aa092fb3f5a29e3b40d276704fc891f0f063399";
  assert.equal(hashJson({ a: [1, 2.5, null, true], b: "é" }), wanted);
  assert.equal(hashJson({ b: "é", a: [1, 2.5, null, true] }), wanted);
});

Deno.test("sha256() is the standard hash of bytes and of UTF-8, whole or in parts", () => {
  // FIPS 180-2, appendix B.1.
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256("abc"), abc);
  assert.equal(sha256("a", new TextEncoder().encode("bc")), abc);
  assert.equal(sha256(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});
