import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { inFolder } from "../../core/test_folder.ts";
import { loadBackbone } from "../backbones/load_backbone.ts";
import { loadPeft } from "../adapters/peft_read.ts";
import { systemReason } from "../../core/files.ts";
import { foreignKind } from "./foreign.ts";
import { writeSafetensors } from "./safetensors.ts";

const POINTER = "version https://git-lfs.example/spec/v1\noid sha256:4d7a\nsize 12345\n";
const PAGE = "\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n";
const encode = (text: string) => new TextEncoder().encode(text);

/** What lies under the name of weights, and what is said of it. */
const kinds: readonly (readonly [bytes: Uint8Array, what: RegExp])[] = [
  [encode(POINTER), /a pointer of Git LFS and not the file itself/],
  [encode(PAGE), /an HTML page/],
  [encode("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"), /an XML document/],
  [encode('{"error": "Repository not found"}'), /a JSON text/],
  [
    Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0),
    /a zip archive, as PyTorch's own files are.*safetensors\.torch\.save_file/,
  ],
  [Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c), /a pickle of Python.*safetensors\.torch\.save_file/],
  [Uint8Array.of(0x1f, 0x8b, 8), /a gzip archive/],
  [Uint8Array.of(0x89, 0x48, 0x44, 0x46), /an HDF5 file/],
  [new Uint8Array(), /an empty file/],
];

Deno.test("foreignKind() tells weights from what lies under their name", () => {
  for (const [bytes, what] of kinds.slice(0, 4)) assert.match(foreignKind(bytes)!, what);
  assert.equal(foreignKind(writeSafetensors({})), undefined);
  // A header of that length begins with a letter, and is none of these.
  assert.equal(foreignKind(Uint8Array.of(0x80, 2, 0, 0, 0, 0, 0, 0, 0x7b)), undefined);
});

Deno.test("loadBackbone() and loadPeft() say what lies under the name of weights, and give no message of the system", () =>
  inFolder(async (folder) => {
    const says = (what: RegExp) => (error: unknown) =>
      error instanceof InputError && what.test(error.message) && !/os error/.test(error.message);
    for (const [bytes, what] of kinds) {
      for (const name of ["model.safetensors", "model.onnx", "adapter_model.safetensors"]) {
        await Deno.writeFile(`${folder}/${name}`, bytes);
      }
      await Deno.writeTextFile(
        `${folder}/adapter_config.json`,
        '{"peft_type": "LORA", "r": 2, "lora_alpha": 2}',
      );
      for (const name of ["model.safetensors", "model.onnx"]) {
        await assert.rejects(loadBackbone(`${folder}/${name}`), says(what), name);
      }
      await assert.rejects(loadPeft(folder), says(what));
    }
    await Deno.writeTextFile(`${folder}/adapter_config.json`, POINTER);
    await assert.rejects(loadPeft(folder), says(/its config is a pointer of Git LFS/));
    await Deno.writeTextFile(`${folder}/config.json`, PAGE);
    await Deno.writeFile(`${folder}/model.safetensors`, writeSafetensors({}));
    await assert.rejects(loadBackbone(folder), says(/config\.json: found an HTML page.*wanted JSON/));
    await Deno.mkdir(`${folder}/d.onnx`);
    await assert.rejects(loadBackbone(`${folder}/d.onnx/x.safetensors`), says(/it does not exist/));
    await assert.rejects(
      loadBackbone(`${folder}/model.safetensors/x.onnx`),
      says(/no folder|does not exist/),
    );
    await assert.rejects(loadBackbone(folder, { card: `${folder}/d.onnx` }), says(/it is a folder/));
  }));

Deno.test("systemReason() keeps numbers and calls of the system to itself", () => {
  const reason = systemReason(new Error("File name too long (os error 36): open 'x'"));
  assert.equal(reason, "file name too long");
  assert.equal(systemReason(new Deno.errors.NotFound("No such file (os error 2)")), "it does not exist");
  assert.equal(systemReason(new Error("")), "the system refuses");
});
