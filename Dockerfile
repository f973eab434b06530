# The benchmark in a container: pinned Deno, Mesa's software Vulkan, every dependency fetched at build time. It needs
# no network, no root and no writable root to run:
#
#   docker build -t ham-bench .
#   docker run --rm --read-only --network none --user "$(id -u):$(id -g)" -v "$PWD/out:/out" ham-bench
#   docker run … ham-bench deno task board --in /out        # any other task
#   docker run … ham-bench bench/container/health.sh        # is it fit?
#
# Both bases are pinned by digest, and Deno by the checksum of its binary, too (bench/container/deno.sha256). The steps
# are scripts in bench/container/, which CI also runs where it has no registry.
ARG DEBIAN_IMAGE=debian:trixie-slim@sha256:3a39a0592364683e6bab97937b72cad5a8fa6dcbbee90edb3bb48c7f8e94f258
ARG DENO_IMAGE=denoland/deno:bin-2.9.6@sha256:4cf0029b9aeeeed5efcbb71828737f0d7c8c8a20072df960e51a5679ef0d21ba

FROM ${DENO_IMAGE} AS deno

FROM ${DEBIAN_IMAGE} AS root
COPY --from=deno /deno /usr/local/bin/deno
COPY bench/container/root.sh bench/container/deno.sha256 /opt/
RUN /opt/root.sh /usr/local/bin/deno && rm /opt/root.sh /opt/deno.sha256
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 DENO_WEBGPU_BACKEND=vulkan MESA_SHADER_CACHE_DISABLE=true XDG_RUNTIME_DIR=/tmp
WORKDIR /app

FROM root AS program
COPY deno.json deno.lock ./
COPY bench/container/app.sh bench/container/
RUN bench/container/app.sh dependencies
COPY . .
ARG COMMIT=
RUN COMMIT="$COMMIT" bench/container/app.sh program

FROM root
COPY --from=program /deno-dir /deno-dir
COPY --from=program /app /app
USER 10001:10001
VOLUME /out
HEALTHCHECK --interval=1h --timeout=5m --start-period=5m --retries=2 CMD ["bench/container/health.sh"]
CMD ["deno", "task", "bench", "--out", "/out"]
