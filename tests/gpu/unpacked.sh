#!/bin/sh
# A command in the image's own files, on a machine with NVIDIA GPUs and no Docker. As root.
#
#   docker create dsk:cu128; docker export CONTAINER | tar -x -C ROOT      (where Docker is)
#   pip install --target PYTEST pytest pytest-timeout
#   tests/gpu/unpacked.sh ROOT PYTEST python -m pytest -p no:cacheprovider tests/gpu
#   tests/gpu/unpacked.sh ROOT PYTEST python bench/ttfs_gpu.py
#
# The command runs in the root of this repository.
set -eu

if [ "${1-}" != --inside ]; then
    root=$(realpath "$1") pytest=$(realpath "$2")
    shift 2
    repository=$(realpath "$(dirname "$0")/../..")
    exec unshare --mount sh "$repository/tests/gpu/unpacked.sh" \
        --inside "$root" "$pytest" "$repository" "$@"
fi
root=$2 pytest=$3 repository=$4
shift 4

# What NVIDIA's container toolkit would mount: the driver's libraries and its program.
driver="$root/usr/local/nvidia"
mkdir -p "$driver/lib64"
ldconfig -p | sed -n 's/^\t\(libcuda\|libnvidia-[a-z-]*\)\.so\.[0-9]* (.*x86-64.*) => //p' |
    while read -r library; do cp -L "$library" "$driver/lib64/"; done
# By this name Triton links it; the toolkit makes that link too.
ln -sf libcuda.so.1 "$driver/lib64/libcuda.so"
cp -L "$(command -v nvidia-smi)" "$root/usr/local/bin/"
echo /usr/local/nvidia/lib64 >"$root/etc/ld.so.conf.d/nvidia.conf"
chroot "$root" ldconfig

mount --make-rprivate /
# An overlay takes a mount's root as its lower layer, not a folder that others are mounted in.
mount --bind "$root" "$root"
mkdir -p "$root/repository" "$root/pytest"
mount --bind "$repository" "$root/repository"
mount --bind "$pytest" "$root/pytest"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" env -i PATH="/opt/venv/bin:$PATH" LANG=C.UTF-8 HOME=/root PYTHONDONTWRITEBYTECODE=1 \
    DSK_LLAMAFACTORY=/opt/llamafactory PYTHONPATH=/repository/src:/pytest \
    sh -c 'cd /repository && exec "$@"' sh "$@"
