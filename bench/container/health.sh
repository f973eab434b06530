#!/bin/sh
# Is this container fit to score? The software Vulkan driver is there, and every backend of the image computes a
# golden case (forward, every gradient, an AdamW run) as an independent implementation did.
set -eu
cd "$(dirname "$0")/../.."
deno task --quiet doctor --json | grep -F '"driver": "Mesa llvmpipe"' >/dev/null || {
  echo "Cannot find Mesa's software Vulkan driver: deno task doctor tells what is here" >&2
  exit 1
}
for backend in webgpu onnx-node onnx-web; do
  deno task --quiet conformance --backend "$backend" fixtures/golden/*.safetensors
done
