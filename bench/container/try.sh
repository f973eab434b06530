#!/usr/bin/env bash
# Builds the image from a bare Debian that debootstrap's successor makes here, without any registry of images, and
# tries it as strangers are told to run it: no network, no root, no writable root but /out.
#
#   try.sh [WAY]   engine: the Dockerfile, built by buildah and run by podman
#                  root: the Dockerfile's scripts in a clean root; needs unshare and chroot alone
#                  (default: engine where it runs, otherwise root)
#
# Needs root on Linux, mmdebstrap, and Deno 2.9.6 as $DENO or through npx. Exit code 77: cannot be tried here.
set -euo pipefail
cd "$(dirname "$0")/../.."
way=${1:-}

deno_binary=${DENO:-$(npx -y deno@2.9.6 eval --quiet 'console.log(Deno.execPath())')}
work=$(mktemp -d)
root=$work/root out=$work/out
engine_flags=()

cleanup() {
  [ "${#engine_flags[@]}" = 0 ] || podman "${engine_flags[@]}" rmi --all --force >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work" || true
}
trap cleanup EXIT

say() { echo "[$((SECONDS / 60)):$(printf %02d $((SECONDS % 60)))] $*"; }
cannot() { echo "Cannot try the image here: $*" >&2; exit 77; }

[ "$(id -u)" = 0 ] || cannot "it needs root"
command -v mmdebstrap >/dev/null || cannot "mmdebstrap is not installed; .ci/install container does that"
unshare --net --mount true 2>/dev/null || cannot "this container may not make namespaces (CAP_SYS_ADMIN)"

# The mirror is whatever this machine already uses.
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/ 2>/dev/null | grep -v snapshot | head -n 1 | tr -d ' ' || true)

bare_debian() {
  say "A bare Debian"
  mmdebstrap --quiet --variant=minbase trixie "$work/debian.tar" ${mirror:+"$mirror"} 2>"$work/mmdebstrap.log" ||
    { tail "$work/mmdebstrap.log" >&2; exit 1; }
}

# The certificates that this machine trusts, while there is a network.
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] || cannot "there is no $certificates"

# What the image is built from: the files of the checkout that git knows, at their present content.
context() {
  mkdir -p "$1"
  git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null |
    tar --extract --directory="$1"
}

commit() { git -c safe.directory='*' rev-parse HEAD 2>/dev/null || true; }

# --- the engine -------------------------------------------------------------------------------------------------------

has_engine() { command -v buildah >/dev/null && command -v podman >/dev/null && command -v runc >/dev/null; }

engine_build() {
  local driver=overlay
  mkdir -p "$work/deno" "$work/lower" "$work/upper" "$work/mounting" "$work/merged"
  mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/mounting" "$work/merged" 2>/dev/null &&
    umount "$work/merged" || driver=vfs
  engine_flags=(--root "$work/store" --runroot "$work/run" --storage-driver "$driver")
  # Limits that this container may not raise.
  printf '[containers]\ndefault_ulimits = []\n' >"$work/containers.conf"
  export CONTAINERS_CONF=$work/containers.conf
  context "$work/context"
  cp "$deno_binary" "$work/deno/deno"
  printf 'FROM scratch\nCOPY deno /deno\n' >"$work/deno/Dockerfile"
  podman "${engine_flags[@]}" import --quiet "$work/debian.tar" localhost/debian:trixie-slim >/dev/null
  rm "$work/debian.tar"
  buildah "${engine_flags[@]}" build --quiet --isolation chroot --tag localhost/deno:bin "$work/deno" >/dev/null
  say "The Dockerfile, with bases from here instead of a registry ($driver)"
  buildah "${engine_flags[@]}" build --quiet --isolation chroot --format docker --volume "$certificates:/run/build-ca.crt:ro" \
    --build-arg DEBIAN_IMAGE=localhost/debian:trixie-slim --build-arg DENO_IMAGE=localhost/deno:bin \
    --build-arg COMMIT="$(commit)" --tag localhost/ham-bench "$work/context" >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; exit 1; }
  podman "${engine_flags[@]}" image inspect --format \
    '{{.Size}} bytes, user {{.User}}, health check {{.HealthCheck.Test}}' localhost/ham-bench
}

engine_run() {
  podman "${engine_flags[@]}" --cgroup-manager cgroupfs --runtime runc run --rm --read-only --read-only-tmpfs=false \
    --network none --cap-drop ALL --security-opt no-new-privileges --ulimit "nofile=1024:$(ulimit -Hn)" \
    --ulimit nproc=4096:4096 --volume "$out:/out" localhost/ham-bench "$@"
}

# --- the scripts alone ------------------------------------------------------------------------------------------------

# A variable of the Dockerfile's ENV line.
image_environment() { sed -n 's/^ENV //p' Dockerfile | tr ' ' '\n'; }

in_root() {
  # shellcheck disable=SC2046
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $(image_environment) "$@"
}

root_build() {
  mkdir -p "$root"
  tar --extract --file="$work/debian.tar" --directory="$root"
  rm "$work/debian.tar"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  install -m 755 "$deno_binary" "$root/usr/local/bin/deno"
  cp bench/container/root.sh bench/container/deno.sha256 "$root/opt/"
  say "root.sh"
  in_root chroot "$root" /opt/root.sh /usr/local/bin/deno
  rm "$root"/opt/*
  context "$root/app"
  say "app.sh"
  cp "$certificates" "$root/run/build-ca.crt"
  unshare --mount sh -euc 'root=$1; shift; mount -t proc proc "$root/proc"; exec chroot "$root" "$@"' sh "$root" \
    env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp $(image_environment) COMMIT="$(commit)" \
    sh -euc 'bench=/app/bench/container; "$bench/app.sh" dependencies; "$bench/app.sh" program'
  rm -f "$root/etc/resolv.conf" "$root/run/build-ca.crt"
  rm -rf "$root"/tmp/* "$root"/tmp/.[!.]*
}

root_run() {
  # shellcheck disable=SC2046
  unshare --net --mount --pid --fork --ipc --uts sh -euc '
    root=$1 out=$2; shift 2
    mount --bind "$root" "$root"; mount -t proc proc "$root/proc"; mount --bind "$out" "$root/out"
    for node in null zero random urandom; do
      [ -e "$root/dev/$node" ] || : >"$root/dev/$node"
      mount --bind "/dev/$node" "$root/dev/$node"
    done
    mount -o remount,bind,ro "$root"
    cd "$root"; exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
      --bounding-set=-all --inh-caps=-all env --chdir=/app "$@"' sh "$root" "$out" \
    -i PATH=/usr/local/bin:/usr/bin:/bin $(image_environment) "$@"
}

# --- what has to hold -------------------------------------------------------------------------------------------------

inside() { "${way}_run" "$@"; }

check_isolation() {
  say "No root, no network, nothing writable but /out"
  inside sh -euc '
    [ "$(id -u):$(id -g)" = 10001:10001 ] || { echo "runs as $(id)" >&2; exit 1; }
    for place in / /app /deno-dir /tmp /usr/local/bin; do
      if touch "$place/written" 2>/dev/null; then echo "could write to $place" >&2; exit 1; fi
    done
    touch /out/written && rm /out/written
    [ "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " " | tr "\n" " ")" = "lo " ] || { cat /proc/net/dev >&2; exit 1; }
  '
}

check_leftovers() {
  say "Nothing left of the building"
  inside sh -euc '
    left=$(find /var/lib/apt/lists /var/cache/apt /tmp /root /var/tmp /opt -type f 2>/dev/null
      find /var/log -type f 2>/dev/null; find / -xdev -name "*.deb" 2>/dev/null) || true
    if [ -n "$left" ]; then echo "left behind: $left" >&2; exit 1; fi
    if [ -n "$(find / -xdev -perm -0002 -type f 2>/dev/null)" ]; then echo "some files are writable for all" >&2; exit 1; fi
    grep -q "\"bomFormat\": \"CycloneDX\"" sbom.cdx.json
    grep -q "pkg:deb/debian/mesa-vulkan-drivers@" sbom.cdx.json
    grep -q "pkg:npm/onnxruntime-node@" sbom.cdx.json
    du -sh /usr /deno-dir /app 2>/dev/null
  '
}

case "$way" in
  engine) has_engine || cannot "buildah, podman and runc are not installed" ;;
  root) ;;
  "") if has_engine; then way=engine; else way=root; fi ;;
  *) echo "Cannot try $way: wanted engine or root" >&2; exit 2 ;;
esac

mkdir -p "$out"
chown 10001:10001 "$out"
chmod 755 "$work"
bare_debian
"${way}_build"
check_isolation
check_leftovers
say "Health: doctor, and golden cases on llvmpipe, ONNX Runtime and WebAssembly"
inside bench/container/health.sh
say "The smoke benchmark on two backends, its records held against the baseline"
inside deno task --quiet bench --quiet --suite smoke --backend onnx-web --out /out/web >/dev/null
inside deno task --quiet bench --quiet --suite smoke --backend onnx-node --out /out/node >/dev/null
inside deno task --quiet gate --baseline fixtures/records --in /out/web,/out/node --seeds 0
say "The leaderboard"
inside deno task --quiet board --in /out/web,/out/node --out /out/board
[ -s "$out/board/LEADERBOARD.md" ] || { echo "there is no leaderboard" >&2; exit 1; }
say "Some tests"
inside deno test -P --quiet --no-check src/core/json_test.ts src/core/rng_test.ts src/protocol/records/record_test.ts bench/gate bench/container
say "Tried by $way: all of it holds"
