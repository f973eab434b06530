import assert from "node:assert/strict";
import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";
import { InputError } from "../../src/core/mod.ts";
import { billOf, type Materials } from "./sbom.ts";

const materials: Materials = {
  debian: "libc6\t2.41-12\tamd64\nlibstdc++6\t1:14.2.0-19+deb13u1\tamd64\n",
  lock: JSON.stringify({
    npm: {
      "@types/x@1.0.0": { integrity: `sha512-${btoa("\x01".repeat(64))}` },
      "zod@4.6.7": { integrity: `sha512-${btoa("\x00\xff".repeat(32))}` },
      "ajv-formats@3.0.1_ajv@8.20.0": { integrity: `sha512-${btoa("\x02".repeat(64))}` },
      "elsewhere@1.0.0": { integrity: `sha512-${btoa("\x03".repeat(64))}` },
    },
  }),
  deno: { version: "2.9.6", sha256: "ab".repeat(32) },
  manifest: (name, version) =>
    Promise.resolve(
      name === "elsewhere"
        ? undefined
        : JSON.stringify({ name, version, license: name === "zod" ? "MIT" : "See FILE" }),
    ),
};

Deno.test("billOf() lists what is in the image, valid by CycloneDX's own schema", async () => {
  const text = await billOf(materials);
  assert.equal(await new JsonStrictValidator(Version.v1dot6).validate(text), null);
  const { components, metadata } = JSON.parse(text);
  assert.deepEqual(
    components.map(({ purl }: { purl: string }) => purl).sort(),
    [
      "pkg:deb/debian/libc6@2.41-12?arch=amd64",
      "pkg:deb/debian/libstdc%2B%2B6@1%3A14.2.0-19%2Bdeb13u1?arch=amd64",
      "pkg:github/denoland/deno@v2.9.6",
      "pkg:npm/%40types/x@1.0.0",
      "pkg:npm/ajv-formats@3.0.1",
      "pkg:npm/zod@4.6.7",
    ],
  );
  const zod = components.find(({ name }: { name: string }) => name === "zod");
  assert.deepEqual(zod.hashes, [{ alg: "SHA-512", content: "00ff".repeat(32) }]);
  assert.deepEqual(zod.licenses, [{ license: { id: "MIT" } }]);
  assert.equal(metadata.component.name, "ham-bench");
});

Deno.test("billOf() gives equal bytes for equal images, in whatever order packages are told", async () => {
  const reversed = materials.debian.trim().split("\n").reverse().join("\n");
  assert.equal(await billOf({ ...materials, debian: reversed }), await billOf(materials));
});

Deno.test("the schema refuses what is no bill", async () => {
  const text = (await billOf(materials)).replace('"SHA-512"', '"SHA-513"');
  assert.notEqual(await new JsonStrictValidator(Version.v1dot6).validate(text), null);
});

Deno.test("billOf() says what it cannot read", async () => {
  for (
    const parts of [{ debian: "libc6 2.41\n" }, { lock: "{" }, {
      lock: '{"npm":{"x":{"integrity":"sha1-x"}}}',
    }]
  ) {
    await assert.rejects(billOf({ ...materials, ...parts }), InputError);
  }
});
