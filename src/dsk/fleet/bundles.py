"""Bundles as folders on this machine, for those who carry them to the nodes by hand."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dsk.bundle import Bundle
from dsk.errors import UserError
from dsk.files import write_atomic
from dsk.text import Text

MARKER = ".dsk-bundles"


def write_bundles(folder: Path, bundles: Mapping[int, Bundle]) -> dict[int, Path]:
    """Writes `folder`/node0 …, each in one step, and removes those of nodes that are gone.

    Raises UserError where `folder` holds something that dsk did not write.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    marker = folder / MARKER
    if any(folder.iterdir()) and not marker.exists():
        raise UserError(
            Text("this folder is not empty and contains no bundles of dsk"),
            where=str(folder),
            fix=Text("name an empty or a new one"),
        )
    folder.chmod(0o700)
    marker.touch(mode=0o600)
    paths = {index: folder / f"node{index}" for index in bundles}
    for index, path in paths.items():
        _replace(path, bundles[index])
    for old in folder.glob("node*"):
        if old not in paths.values():
            shutil.rmtree(old)
    return paths


def _replace(path: Path, bundle: Bundle) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        draft = scratch / "new"
        draft.mkdir(mode=0o700)
        for relative, file in bundle.items():
            target = draft / relative
            target.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomic(target, file.text.encode(), file.mode)
        if path.exists():
            path.rename(scratch / "old")
        draft.rename(path)
    finally:
        shutil.rmtree(scratch)
