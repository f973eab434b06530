#!/bin/sh
# Second half of the image: everything that the program loads, so that it runs without network from a root that
# cannot be written. Runs in the program's folder with DENO_DIR set; the only step that needs a package registry.
#
#   app.sh dependencies   every npm package of deno.lock, by its checksum there
#   app.sh program        compiles the program and lists what the image holds; COMMIT is what records name
set -eu
cd "$(dirname "$0")/../.."
: "${DENO_DIR:?Cannot fill the cache: DENO_DIR is not set}"

dependencies() {
  # Whoever builds behind a proxy with a certificate of its own mounts a bundle with it here.
  if [ -f /run/build-ca.crt ]; then export DENO_CERT=/run/build-ca.crt; fi
  # Registries and name servers stumble; what has arrived stays.
  deno install --frozen --quiet || { sleep 5 && deno install --frozen --quiet; } || { sleep 20 && deno install --frozen --quiet; }
  # ONNX Runtime brings libraries for systems that this is not.
  for folder in "$DENO_DIR"/npm/*/onnxruntime-node/*/bin/napi-v*/*; do
    case "$folder" in */linux) ;; *) rm -rf "$folder" ;; esac
  done
  find "$DENO_DIR"/npm/*/onnxruntime-node -path '*/linux/*' -type d \
    -name "$([ "$(uname -m)" = x86_64 ] && echo arm64 || echo x64)" -exec rm -rf {} +
}

program() {
  # Compiled, not checked: types are CI's. Files that bring libraries of their own, for peers and other engines, have
  # no place in the image.
  grep --recursive --files-without-match --include='*.ts' --null '"npm:' bench src |
    xargs -0 deno cache --frozen --quiet mod.ts
  # Records name the commit; the image has no other part of the repository's history.
  if [ -n "${COMMIT:-}" ] && [ ! -e .git ]; then mkdir .git && echo "$COMMIT" >.git/HEAD; fi
  dpkg-query --show --showformat='${Package}\t${Version}\t${Architecture}\n' >"$DENO_DIR/debian.tsv"
  deno run --frozen --cached-only --quiet --allow-read --allow-write=. bench/container/sbom.ts \
    --debian "$DENO_DIR/debian.tsv" --cache "$DENO_DIR/npm" --out sbom.cdx.json \
    --deno "$(sha256sum "$(command -v deno)" | cut -d' ' -f1)"
  # Data bases of Deno's are of no use where they cannot be written.
  rm -f "$DENO_DIR/debian.tsv" "$DENO_DIR"/*_cache_v*
  chmod -R a+rX,go-w . "$DENO_DIR"
}

case "${1:-}" in
  dependencies | program) "$1" ;;
  *) echo "Cannot run ${1:-nothing}: wanted dependencies or program" >&2; exit 2 ;;
esac
