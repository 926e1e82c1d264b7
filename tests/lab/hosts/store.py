"""The image store of a stopped engine (classic overlay2), on disk.

Layers are never written to after they are made, so two stores on one file system can share their
files by hard links: an image of 9 GB is there in seconds and costs no room. Layout, read from
Docker 20.10: under image/overlay2, imagedb/content (image configs by id), layerdb/sha256 (layers by
chain id, each naming a folder of overlay2/ as its cache-id) and repositories.json (names);
overlay2/l holds short names of the layers' folders, for mount's option string.

Run as a program in a private mount namespace (see seeding.py):

    store.py SOURCE NAME=ID... -- TARGET...
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

IMAGES = Path("image/overlay2/imagedb/content/sha256")
LAYERS = Path("image/overlay2/layerdb/sha256")
NAMES = Path("image/overlay2/repositories.json")
KEPT = {"image", "overlay2"}
OTHER_FILE_SYSTEM = 75
"""Exit code: hard links between the stores are not possible. The caller copies in another way."""

ENDS_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
"""So that a run that was killed does not go on writing under the next one."""


def scrub(root: Path, keep: set[str]) -> None:
    """Leave the images whose id is in `keep`, and nothing else.

    No other images, containers, volumes, build cache or half-made layers.
    """
    for entry in root.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    images, layers = root / IMAGES, root / LAYERS
    for scratch in ("mounts", "tmp"):
        shutil.rmtree(layers.parent / scratch, ignore_errors=True)
    shutil.rmtree(images.parents[1] / "metadata", ignore_errors=True)
    _write_names(root, {name: image for name, image in image_ids(root).items() if image in keep})
    kept_layers = set()
    for config in images.glob("*"):
        if f"sha256:{config.name}" in keep:
            kept_layers.update(chain_ids(_diff_ids(config)))
        else:
            config.unlink()
    for layer in layers.glob("*"):
        if f"sha256:{layer.name}" not in kept_layers:
            shutil.rmtree(layer)
    folders = {_cache_id(layer) for layer in layers.glob("*")}
    for folder in (root / "overlay2").glob("*"):
        if folder.name not in folders | {"l"}:
            shutil.rmtree(folder)
    for link in (root / "overlay2/l").glob("*"):
        if not link.exists():
            link.unlink()


def image_ids(root: Path) -> dict[str, str]:
    """The images by name (`dsk:cu128`), each `sha256:<hex>`, that the store holds."""
    try:
        saved = json.loads((root / NAMES).read_text())
    except FileNotFoundError:
        return {}
    return {
        name: image for names in saved["Repositories"].values() for name, image in names.items()
    }


def seed(source: Path, target: Path, images: dict[str, str]) -> None:
    """Put images of `source` into `target`. Cut off at any point, the next run goes on from there.

    Args:
        images: image id (`sha256:<hex>`) by full name (`dsk:cu128`).
    """
    for folder in (Path("overlay2/l"), IMAGES, LAYERS):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for image in images.values():
        config = IMAGES / image.removeprefix("sha256:")
        below: list[str] = []
        for chain in chain_ids(_diff_ids(source / config)):
            below.insert(0, _seed_layer(source, target, chain, below))
        _copy(source / config, target / config)
    _write_names(target, {**image_ids(target), **images})


def _diff_ids(config: Path) -> list[str]:
    found: list[str] = json.loads(config.read_text())["rootfs"]["diff_ids"]
    return found


def _write_names(root: Path, images: dict[str, str]) -> None:
    names: dict[str, dict[str, str]] = {}
    for name, image in images.items():
        names.setdefault(name.rpartition(":")[0], {})[name] = image
    new = root / NAMES.with_suffix(".new")
    new.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(json.dumps({"Repositories": names}))
    new.chmod(0o600)
    new.replace(root / NAMES)


def chain_ids(diff_ids: list[str]) -> list[str]:
    """The layers' chain ids, lowest first (OCI image spec, "Layer ChainID")."""
    chain: list[str] = []
    for diff in diff_ids:
        text = f"{chain[-1]} {diff}" if chain else None
        chain.append("sha256:" + hashlib.sha256(text.encode()).hexdigest() if text else diff)
    return chain


def _seed_layer(source: Path, target: Path, chain: str, below: list[str]) -> str:
    """Make the layer and return its short name in `target`; `below`: its parents', nearest first.

    The parents' names are written again: `target` may know the same layer by a folder of its own.
    """
    entry = LAYERS / chain.removeprefix("sha256:")
    if not (target / entry).exists():
        name = _cache_id(source / entry)
        folder = target / "overlay2" / name
        if folder.exists():
            shutil.rmtree(folder)  # of a run that was cut off
        _cp(source / "overlay2" / name, folder, "--link")
        if below:
            (folder / "lower").unlink()
            (folder / "lower").write_text(":".join(f"l/{parent}" for parent in below))
        short = target / "overlay2/l" / _short_name(folder)
        if not short.is_symlink():
            short.symlink_to(f"../{name}/diff")
        _copy(source / entry, target / entry)
    return _short_name(target / "overlay2" / _cache_id(target / entry))


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all: under another name first."""
    if target.exists():
        return
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    _cp(source, part)
    part.rename(target)


def _cp(source: Path, target: Path, *options: str) -> None:
    # cp, for shutil does not keep trusted.* attributes, which overlay's opaque folders are made of.
    copy = ["cp", "--archive", *options, "--", str(source), str(target)]
    subprocess.run([*ENDS_WITH_PARENT, *copy], check=True)


def _short_name(folder: Path) -> str:
    return (folder / "link").read_text()


def _cache_id(layer: Path) -> str:
    return (layer / "cache-id").read_text()


def _uncover(source: Path, target: Path) -> bool:
    """See the source's own file system; an engine that runs has mounted its folder over itself."""
    if _can_link(source, target):
        return True
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed(mounts):
        if Path(point).is_relative_to(source):
            subprocess.run(["umount", "--lazy", point], check=True)
    return source.exists() and _can_link(source, target)


def _can_link(source: Path, target: Path) -> bool:
    probe = target / "link-probe"
    try:
        os.link(source / NAMES, probe)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    probe.unlink()
    return True


def main(argv: list[str]) -> int:
    source, *rest = argv
    split = rest.index("--")
    images = dict(word.split("=", 1) for word in rest[:split])
    targets = [Path(word) for word in rest[split + 1 :]]
    if not all(_uncover(Path(source), target) for target in targets):
        return OTHER_FILE_SYSTEM
    for target in targets:
        seed(Path(source), target, images)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
