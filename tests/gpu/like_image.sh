#!/bin/bash
# Lays this machine out as the image is, for the tests on a machine with NVIDIA GPUs and no Docker (docs/gpu.md). As root.
#
#   tests/gpu/like_image.sh PARTS
#   DSK_LLAMAFACTORY=/opt/llamafactory /opt/venv/bin/python -m pytest -p no:cacheprovider tests/gpu/test_cluster.py
#
# python3, or what PYTHON names, has torch with CUDA, pip and pytest. PARTS holds what the image is built from:
#
#   PARTS/wheels        the stack's lock for that Python, and hatchling and editables. What is left out comes from that Python.
#                       Without a wheel of DeepSpeed one is built (a minute; g++) and left here
#   PARTS/deepspeed     the patched sources, as stage `sources` of the Dockerfile makes them
#   PARTS/llamafactory
#   PARTS/debs          this system's packages of the programs that the image has and this machine lacks, with their libraries
#
# No file of the system is replaced. What is installed stays: meant for a machine that is there for these tests only. Where
# /etc/dsk is there already, nothing is done.
set -euo pipefail

parts="$(realpath "$1")"
repository="$(realpath "$(dirname "$0")/../..")"
python="${PYTHON:-$(command -v python3)}"
stack=cu128
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
# shellcheck source=stacks/cu128/stack.env
source "$repository/stacks/$stack/stack.env"
if [[ -e /etc/dsk/stack.json ]]; then
    echo "like_image: /etc/dsk/stack.json is there; nothing is done"
    exit
fi

install_wheels() {
    "$python" -m pip --python /opt/venv/bin/python install -q --force-reinstall --no-index --no-deps --no-compile --no-cache-dir \
        --root-user-action=ignore "$@"
}

echo "like_image: programs"
mkdir "$scratch/debs"
for package in "$parts"/debs/*.deb; do dpkg -x "$package" "$scratch/debs"; done
# Where /lib is a link to /usr/lib, it stays one.
tar -C "$scratch/debs" -c . | tar -C / -x --no-same-owner --skip-old-files --keep-directory-symlink
id sshd >/dev/null 2>&1 || useradd --system --home-dir /run/sshd --shell /usr/sbin/nologin sshd
# A login by ssh has the image's PATH, and the linker's own list of folders.
[[ -e /usr/local/bin/nvidia-smi ]] || ln -s "$(command -v nvidia-smi)" /usr/local/bin/
if ! ldconfig -p | grep -F libcuda.so.1 >/dev/null; then
    # shellcheck disable=SC2086
    for folder in ${LD_LIBRARY_PATH:+${LD_LIBRARY_PATH//:/ }} /usr/local/nvidia/lib64; do
        [[ ! -e $folder/libcuda.so.1 ]] || echo "$folder"
    done >/etc/ld.so.conf.d/nvidia.conf
fi
ldconfig

echo "like_image: packages"
"$python" -m venv --without-pip /opt/venv
if ! compgen -G "$parts/wheels/deepspeed-*.whl" >/dev/null; then
    (
        # As the Dockerfile's stage `builder`. The accelerator is `cpu` there too.
        cp -r "$parts/deepspeed" "$scratch/deepspeed" && cd "$scratch/deepspeed"
        export DS_ACCELERATOR=cpu DS_BUILD_CPU_ADAM=1 DS_BUILD_SHM_COMM=1 DS_ENABLE_NINJA=1
        export CFLAGS='-DNDEBUG -fwrapv -O2 -fstack-protector-strong' LDFLAGS=-Wl,-s
        "$python" -m pip wheel -q --no-cache-dir --no-deps --no-build-isolation -w "$parts/wheels" .
    )
fi
install_wheels "$parts"/wheels/*.whl
site_packages="$(echo /opt/venv/lib/python3*/site-packages)"
for patch in $INSTALLED_PATCHES; do
    "$python" "$repository/scripts/image/patch_installed.py" "$site_packages" "$repository/patches/$patch"
done
cp -rT "$parts/llamafactory" /opt/llamafactory
install_wheels --no-build-isolation --editable /opt/llamafactory

echo "like_image: dsk"
# As the Dockerfile's stages `dsk-wheel` and `worker`.
mkdir "$scratch/dsk"
tar -C "$repository" --exclude './.*' -c . | tar -C "$scratch/dsk" -x
echo dsk >"$scratch/dsk/README.md"
printf '%s\n' '[tool.hatch.build.targets.wheel.force-include]' '"scripts/image/dsk-threads.pth" = "dsk-threads.pth"' \
    >>"$scratch/dsk/pyproject.toml"
(cd "$scratch/dsk" &&
    /opt/venv/bin/python -c "from hatchling.build import build_wheel; build_wheel('$scratch/wheels')")
install_wheels "$scratch"/wheels/dsk_train-*.whl
install -m 0755 "$repository"/scripts/image/{dsk-agent,dsk-supervisor} /usr/local/bin/
install -d -m 1777 /var/lib/dsk/home
install -D -m 0644 "$repository/scripts/image/prove_read_args.py" /usr/local/lib/dsk/prove/read_args.py
install -D -m 0644 -t /usr/local/lib/dsk/prove "$repository/scripts/prove/ops.py"
cp -rT "$repository/entrypoint" /usr/local/lib/dsk/entrypoint

# Behind the image's own packages: torch, and what PARTS lacks.
"$python" -c 'import site; print("".join(f"import site; site.addsitedir({folder!r})\n" for folder in site.getsitepackages()))' \
    >"$site_packages/zz-python.pth"
/opt/venv/bin/python "$repository/scripts/image/compile_pyc.py" /opt/venv /opt/llamafactory/src | tail -n 1

echo "like_image: what the image says of itself"
mkdir -p /etc/dsk
dpkg-query -W -f '${Package} ${Version}\n' >/etc/dsk/debian-packages
cp "$repository/stacks/$stack/trim.txt" /etc/dsk/trim
dsk-agent content-id --files >/etc/dsk/content-files
dsk-agent content-id >/etc/dsk/content-id
# As the warm process imports them: on a GPU, without asking CUDA.
install -m 0644 "$repository/stacks/$stack/warm-modules.txt" /etc/dsk/warm-modules
install -m 0644 "$repository/stacks/$stack/warm-variables.txt" /etc/dsk/warm-variables
DS_ACCELERATOR=cuda PYTORCH_NVML_BASED_CUDA_CHECK=1 \
    /opt/venv/bin/python -W ignore "$repository/tests/gpu/importable.py" /etc/dsk/warm-modules
# Last: by this file the next call sees that all is done.
DS_ACCELERATOR=cpu /opt/venv/bin/python "$repository/scripts/image/describe.py" \
    "$repository/stacks/$stack/stack.env" /etc/dsk "$stack"
/opt/venv/bin/python /usr/local/lib/dsk/prove/read_args.py
