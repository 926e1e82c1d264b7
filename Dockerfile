# syntax-free on purpose: a `# syntax=` line would have to be fetched from a container registry.
ARG BASE_IMAGE=debian:bookworm-slim
# `no-stack`: the same worker without torch and all that needs it, a small image for tests.
ARG CONTENT=stack

# This stack's files under fixed names: a mount's source cannot hold a variable in BuildKit of Docker 20.10.
FROM scratch AS stack-files
ARG STACK=cu128
COPY stacks/${STACK} /

# No more of the scripts than the heavy layers run: a change of the others must not make them anew.
FROM scratch AS layer-scripts
COPY scripts/image/compile_pyc.py scripts/image/install-layer scripts/image/split_layer.py \
    scripts/image/trim.py scripts/image/with-mirrors /

# ---- Debian's packages -----------------------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS base
ARG APT_MIRROR
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8
# gcc and headers, no g++: Triton compiles its launcher at run time. NCCL loads libibverbs and its providers by itself, where
# InfiniBand is. sshd's host keys come with each node's bundle.
RUN --mount=type=bind,source=scripts/image/apt-install,target=/build/apt-install \
    --mount=type=secret,id=ca \
    /build/apt-install ca-certificates docker-registry gcc ibverbs-providers iproute2 libc6-dev libpython3-dev \
        openssh-client openssh-server pdsh procps python3 python3-venv rsync tini \
    && rm -f /etc/ssh/ssh_host_* \
    && mkdir -p /etc/dsk \
    && dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages

# ---- tools of the build: uv, hatchling, a C++ compiler ---------------------------------------------------------------
FROM base AS tools
ARG PIP_INDEX_URL
RUN --mount=type=bind,source=scripts/image/apt-install,target=/build/apt-install \
    --mount=type=secret,id=ca \
    /build/apt-install g++ patch
RUN --mount=type=bind,source=scripts/image/with-mirrors,target=/build/with-mirrors \
    --mount=type=bind,from=stack-files,source=/build.txt,target=/stack/build.txt \
    --mount=type=secret,id=ca \
    python3 -m venv /opt/build \
    && /build/with-mirrors /opt/build/bin/pip install --no-cache-dir --require-hashes -r /stack/build.txt

# A layer's own lines of trim.txt, without comments: other lines must not make it anew.
FROM base AS trim-lists
RUN --mount=type=bind,from=stack-files,source=/trim.txt,target=/stack/trim.txt \
    mkdir /trim && for layer in accelerator torch requirements; do \
        grep "^$layer " /stack/trim.txt >"/trim/$layer" || true; done

FROM tools AS dsk-wheel
COPY . /src
# Stands for the README, so that a change of that does not make another image.
# hadolint ignore=DL3003
RUN cd /src && echo dsk >README.md \
    # Only the image's wheel has it: Python runs it at every start (docs/decisions/0024-threads.md).
    && printf '%s\n' '[tool.hatch.build.targets.wheel.force-include]' \
        '"scripts/image/dsk-threads.pth" = "dsk-threads.pth"' >>pyproject.toml \
    && /opt/build/bin/python -c 'from hatchling.build import build_wheel; build_wheel("/wheels")'

# ---- what a job runs, the part that changes least first --------------------------------------------------------------
# The accelerator's libraries, torch, the rest of the lock; then DeepSpeed and LLaMA-Factory from their patched sources.
# Large ones in several layers of half a gigabyte: docs/decisions/0022-split-layers.md.
FROM base AS venv
RUN python3 -m venv --without-pip /opt/venv

FROM venv AS accelerator-parts
ARG PIP_INDEX_URL
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=layer-scripts,target=/build \
    --mount=type=bind,from=stack-files,source=/accelerator.txt,target=/stack/accelerator.txt \
    --mount=type=bind,from=trim-lists,source=/trim/accelerator,target=/stack/trim.txt \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca \
    /build/install-layer accelerator 8

FROM venv AS accelerator
COPY --from=accelerator-parts /parts/1 /
COPY --from=accelerator-parts /parts/2 /
COPY --from=accelerator-parts /parts/3 /
COPY --from=accelerator-parts /parts/4 /
COPY --from=accelerator-parts /parts/5 /
COPY --from=accelerator-parts /parts/6 /
COPY --from=accelerator-parts /parts/7 /
COPY --from=accelerator-parts /parts/8 /

FROM accelerator AS torch-parts
ARG PIP_INDEX_URL
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=layer-scripts,target=/build \
    --mount=type=bind,from=stack-files,source=/torch.txt,target=/stack/torch.txt \
    --mount=type=bind,from=trim-lists,source=/trim/torch,target=/stack/trim.txt \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca \
    /build/install-layer torch 3

FROM accelerator AS torch
COPY --from=torch-parts /parts/1 /
COPY --from=torch-parts /parts/2 /
COPY --from=torch-parts /parts/3 /

FROM torch AS rest-parts
ARG PIP_INDEX_URL
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=layer-scripts,target=/build \
    --mount=type=bind,from=stack-files,source=/requirements.txt,target=/stack/requirements.txt \
    --mount=type=bind,from=trim-lists,source=/trim/requirements,target=/stack/trim.txt \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca \
    /build/install-layer requirements 2

FROM torch AS rest
COPY --from=rest-parts /parts/1 /
COPY --from=rest-parts /parts/2 /

# The sdists, patched. A patch that does not apply exactly ends the build.
FROM tools AS sources
ARG PIP_INDEX_URL
RUN --mount=type=bind,source=scripts/image/with-mirrors,target=/build/with-mirrors \
    --mount=type=bind,from=stack-files,target=/stack \
    --mount=type=bind,source=patches,target=/patches \
    --mount=type=secret,id=ca \
    . /stack/stack.env \
    && fetch() { \
        PATH=/opt/build/bin:$PATH /build/with-mirrors pip download --no-cache-dir --no-deps --no-binary :all: \
            --no-build-isolation --require-hashes -d "$1" -r "$2"; } \
    && unpack() { mkdir -p "$2" && tar -xzf "$1" --no-same-owner --strip-components 1 -C "$2"; } \
    && fetch /tmp/sdists /stack/sources.txt \
    && fetch /tmp/data /stack/data-sources.txt \
    && unpack "/tmp/sdists/deepspeed-$DEEPSPEED_VERSION.tar.gz" /opt/deepspeed \
    && unpack "/tmp/sdists/llamafactory-$LLAMAFACTORY_VERSION.tar.gz" /opt/llamafactory \
    && unpack "/tmp/data/llamafactory-$LLAMAFACTORY_DATA_VERSION.tar.gz" /tmp/data/tree \
    && cp -r /tmp/data/tree/data /tmp/data/tree/examples /opt/llamafactory/ \
    && { [ -e /opt/llamafactory/src/train.py ] || cp /tmp/data/tree/src/train.py /opt/llamafactory/src/; } \
    && rm -r /tmp/sdists /tmp/data \
    && patch --fuzz 0 --no-backup-if-mismatch -p1 -d /opt/llamafactory -i "/patches/$LLAMAFACTORY_PATCH" \
    && patch --fuzz 0 --no-backup-if-mismatch -p1 -d /opt/deepspeed -i "/patches/$DEEPSPEED_PATCH" \
    # The sdist holds copies of these two, which are what is installed and what compiles at run time.
    && cp -r /opt/deepspeed/csrc /opt/deepspeed/op_builder /opt/deepspeed/deepspeed/ops/

# docs/decisions/0003-prebuilt-ops.md: one build for the CPU accelerator serves CUDA too. From torch, which is all that it needs
# of the stack: it compiles while the rest is installed.
FROM torch AS builder
RUN --mount=type=bind,source=scripts/image/apt-install,target=/build/apt-install \
    --mount=type=secret,id=ca \
    /build/apt-install g++ ninja-build
COPY --from=sources /opt/deepspeed /opt/deepspeed
# CFLAGS takes the place of Python's own flags, which ask for debug information: writing it was half of the compiler's work,
# and the linker strips it.
# hadolint ignore=DL3003
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    cd /opt/deepspeed \
    && PYTHONPATH="$(echo /opt/build/lib/python3*/site-packages)" \
        CFLAGS='-DNDEBUG -fwrapv -O2 -fstack-protector-strong' LDFLAGS=-Wl,-s \
        DS_ACCELERATOR=cpu DS_BUILD_CPU_ADAM=1 DS_BUILD_SHM_COMM=1 DS_ENABLE_NINJA=1 \
        python -m pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels .
RUN --mount=type=bind,source=scripts/image/only-avx2,target=/build/only-avx2 \
    /build/only-avx2 /wheels/deepspeed-*.whl

FROM rest AS stack
ARG STACK=cu128
ENV DSK_STACK=${STACK}
# Python imports setuptools' hook whenever it starts, and a build from source numpy's distutils: both then write their .pyc
# by time stamp.
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=builder,source=/wheels,target=/wheels \
    --mount=type=bind,from=tools,source=/usr/bin/patch,target=/usr/bin/patch \
    --mount=type=bind,from=stack-files,source=/stack.env,target=/stack/stack.env \
    --mount=type=bind,source=patches,target=/patches \
    --mount=type=bind,source=scripts/image/compile_pyc.py,target=/build/compile_pyc.py \
    --mount=type=bind,source=scripts/image/patch_installed.py,target=/build/patch_installed.py \
    /opt/build/bin/uv pip install --python /opt/venv --no-cache --no-index --no-deps /wheels/deepspeed-*.whl \
    && . /stack/stack.env \
    && for patch in $INSTALLED_PATCHES; do \
        python /build/patch_installed.py /opt/venv/lib/python3*/site-packages "/patches/$patch" || exit; done \
    && find /opt/venv -path '*distutils*/__pycache__' -prune -exec rm -r {} + \
    && python -B /build/compile_pyc.py /opt/venv
COPY --from=sources /opt/llamafactory /opt/llamafactory
# Editable, so that /opt/llamafactory is the one tree; its build backend (each version has its own) is in /opt/build.
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,source=scripts/image/compile_pyc.py,target=/build/compile_pyc.py \
    --mount=type=bind,source=scripts/image/describe.py,target=/build/describe.py \
    --mount=type=bind,source=scripts/image/prove_no_cuda_at_import.py,target=/build/prove_no_cuda_at_import.py \
    --mount=type=bind,source=scripts/image/prove_read_args.py,target=/build/prove_read_args.py \
    --mount=type=bind,from=stack-files,target=/stack \
    --mount=type=bind,from=trim-lists,source=/trim,target=/trim \
    PYTHONPATH="$(echo /opt/build/lib/python3*/site-packages)" /opt/build/bin/uv pip install --python /opt/venv \
        --no-cache --no-index --no-deps --no-build-isolation --editable /opt/llamafactory \
    && python /build/compile_pyc.py /opt/venv /opt/llamafactory/src \
    && cat /trim/* >/etc/dsk/trim \
    && DS_ACCELERATOR=cpu python /build/describe.py /stack/stack.env /etc/dsk "$DSK_STACK" \
    && python /build/prove_read_args.py \
    # A stack without a list starts ranks cold, and needs no such patch.
    && if [ -e /stack/warm-modules.txt ]; then DS_ACCELERATOR=cpu python /build/prove_no_cuda_at_import.py; fi

FROM venv AS no-stack
ENV DSK_STACK=none

# ---- the worker ------------------------------------------------------------------------------------------------------
FROM ${CONTENT} AS worker
# igzip, for `dsk image sync`. A layer of its own, since the heavy ones below do not need it.
RUN --mount=type=bind,source=scripts/image/apt-install,target=/build/apt-install \
    --mount=type=secret,id=ca \
    /build/apt-install isal \
    && dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages
# What `dsk demo` trains: made here, since importing torch and transformers to make it takes longer than training it.
RUN --mount=type=bind,source=src/dsk/demo/tiny_model.py,target=/build/tiny_model.py \
    if [ "$DSK_STACK" != none ]; then \
        python -B /build/tiny_model.py /usr/local/share/dsk/tiny-model \
        && chmod -R a+rX /usr/local/share/dsk; fi
COPY entrypoint /usr/local/lib/dsk/entrypoint
RUN --mount=type=bind,from=tools,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=dsk-wheel,source=/wheels,target=/wheels \
    --mount=type=bind,source=scripts/image/compile_pyc.py,target=/build/compile_pyc.py \
    --mount=type=bind,source=scripts/image/dsk-agent,target=/build/dsk-agent \
    --mount=type=bind,source=scripts/image/dsk-supervisor,target=/build/dsk-supervisor \
    --mount=type=bind,source=scripts/image/prove_read_args.py,target=/build/prove/read_args.py \
    --mount=type=bind,source=scripts/prove/ops.py,target=/build/prove/ops.py \
    --mount=type=bind,from=stack-files,target=/stack \
    /opt/build/bin/uv pip install --python /opt/venv --no-cache --no-index --no-deps /wheels/dsk_train-*.whl \
    && python /build/compile_pyc.py /opt/venv/lib/python3*/site-packages/dsk \
    && install -m 0755 /build/dsk-agent /build/dsk-supervisor /usr/local/bin/ \
    && install -d -m 1777 /var/lib/dsk/home \
    && if [ "$DSK_STACK" != none ]; then for list in /stack/warm-*.txt; do \
        [ ! -e "$list" ] || install -m 0644 "$list" "/etc/dsk/$(basename "$list" .txt)"; done; fi \
    && install -D -m 0644 -t /usr/local/lib/dsk/prove /build/prove/*.py \
    && dsk-agent content-id --files >/etc/dsk/content-files \
    && dsk-agent content-id >/etc/dsk/content-id
HEALTHCHECK --interval=10s --timeout=15s --start-period=20s --retries=3 \
    CMD ["/usr/local/lib/dsk/entrypoint/health.sh"]
ENTRYPOINT ["tini", "--", "/usr/local/lib/dsk/entrypoint/entrypoint.sh"]
CMD ["worker"]

# ---- a worker that compiles: docs/image.md ---------------------------------------------------------------------------
FROM worker AS devel
RUN --mount=type=bind,source=scripts/image/apt-install,target=/build/apt-install \
    --mount=type=secret,id=ca \
    /build/apt-install g++ make \
    && dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages \
    && dsk-agent content-id --files >/etc/dsk/content-files \
    && dsk-agent content-id >/etc/dsk/content-id

# The last stage is what `docker build .` makes.
FROM worker
