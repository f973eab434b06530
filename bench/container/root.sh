#!/bin/sh
# First half of the image: what the program needs of Debian, and the user that it runs as. Runs as root in a bare
# Debian that has Deno; the Dockerfile calls it, and so does any other way to make that root.
#
#   root.sh DENO   DENO is the path of the binary
set -eu
here=$(dirname "$0")
deno=${1:?Cannot prepare the root: no path of Deno was given}

# The binary is held to its content, wherever it came from.
wanted=$(sed -n "s/^$(uname -m) *//p" "$here/deno.sha256")
found=$(sha256sum "$deno" | cut -d' ' -f1)
if [ "$found" != "$wanted" ]; then
  echo "Cannot use $deno: found sha256 $found, wanted ${wanted:-none, $(uname -m) is not known}" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates libvulkan1 mesa-vulkan-drivers >/tmp/install.log 2>&1 ||
  { cat /tmp/install.log >&2; exit 1; }
rm /tmp/install.log

# What building leaves behind: lists and packages of apt, logs, caches that hold times.
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
find /var/log -type f -delete

# A user that owns nothing: neither the program nor its dependencies are writable for it.
groupadd --gid 10001 bench
useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bench
mkdir -p /app /deno-dir /out
chown 10001:10001 /out
