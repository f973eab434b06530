# The benchmark in a container: pinned Deno, Mesa's software Vulkan, every dependency fetched at build time.
#
#   docker build -t ham-bench .
#   docker run --rm -v "$PWD/out:/out" ham-bench                         # the quick suite
#   docker run --rm -v "$PWD/out:/out" ham-bench deno task test          # the tests, WGSL included
FROM denoland/deno:bin-2.9.6 AS deno

FROM debian:trixie-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libvulkan1 mesa-vulkan-drivers \
  && rm -rf /var/lib/apt/lists/*
COPY --from=deno /deno /usr/local/bin/deno
ENV DENO_DIR=/deno-dir DENO_WEBGPU_BACKEND=vulkan XDG_RUNTIME_DIR=/tmp

WORKDIR /app
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY . .
RUN deno check --quiet mod.ts bench src

VOLUME /out
CMD ["deno", "task", "bench", "--out", "/out"]
