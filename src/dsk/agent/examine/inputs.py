"""A job's inputs on this node: what is missing, and a digest of everything that is there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dsk.agent.needed import missing
from dsk.wire.jobspec import Needed
from dsk.wire.reading import read

WHOLE_BYTES = 64 << 20
PARTS = 64
PART_BYTES = 1 << 20
THREADS = 4
INFO = "dataset_info.json"


def examine(needed: Sequence[dict[str, Any]], *, deep: bool) -> dict[str, Any]:
    """`needed` as wire Needed; what is each node's own is not read. `files` by absolute path: size,
    SHA-256 (None where it cannot be read), and whether only parts of it were read, as is done with
    large ones unless `deep`."""
    paths = sorted({path for need in needed for path in _files(need)})
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda path: _digest(path, deep=deep), paths))
    return {
        "missing": [asdict(each) for each in missing([read(Needed, need) for need in needed])],
        "files": {str(path): file for path, file in zip(paths, found, strict=True)},
    }


def _files(need: dict[str, Any]) -> Iterator[Path]:
    path = Path(need["path"])
    if need.get("own"):
        return
    if need["names"]:
        yield from _dataset_files(path, need["names"])
    else:
        yield from _below(path)


def _dataset_files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    listing = folder / INFO
    try:
        known = json.loads(listing.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    yield listing
    for name in names:
        if file := known.get(name, {}).get("file_name"):
            yield from _below(folder / file)


def _below(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder, _, names in os.walk(path):
            yield from (Path(folder, name) for name in names if Path(folder, name).is_file())
    elif path.is_file():
        yield path


def _digest(path: Path, *, deep: bool) -> tuple[int, str | None, bool]:
    found = hashlib.sha256()
    try:
        size = path.stat().st_size
        sampled = size > WHOLE_BYTES and not deep
        with path.open("rb") as file:
            if sampled:
                # Evenly over the file, with its first and its last bytes.
                for number in range(PARTS):
                    file.seek((size - PART_BYTES) * number // (PARTS - 1))
                    found.update(file.read(PART_BYTES))
            else:
                while chunk := file.read(PART_BYTES):
                    found.update(chunk)
    except OSError:
        return 0, None, False
    return size, found.hexdigest(), sampled
