"""The checkpoints in a job's output_dir on this node, and small files of them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from dsk.files import write_atomic
from dsk.wire.checkpoints import ENGINE_FOLDER, TRAINER_STATE, SavedFile, SavedStep, step_in

THREADS = 8
"""On a network disk each file takes a while to open."""
KEPT = 20
"""Newest checkpoints that are looked at: each file of theirs is opened."""
_LENGTH_BYTES = 8
"""Of a safetensors file's header, which comes first."""
_HEADER_BYTES = 100 << 20
"""The format allows no longer one."""
_ZIP = b"PK"


def saved(folder: str, *, deep: bool = True) -> tuple[SavedStep, ...]:
    """The oldest first. Chosen by name as in get_last_checkpoint of transformers. `deep`: files are
    opened, to see whether they are complete."""
    found = []
    for path in Path(folder).glob("checkpoint-*"):
        if (step := step_in(path.name)) is not None and path.is_dir():
            found.append((step, path))
    with ThreadPoolExecutor(THREADS) as pool:
        return tuple(
            SavedStep(step, tuple(filter(None, pool.map(partial(_file, deep=deep), _paths(path)))))
            for step, path in sorted(found)[-KEPT:]
        )


def read_file(path: str) -> str:
    """In base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()


def write_file(path: str, data: str) -> None:
    """Atomically. The folder keeps its time of change, by which transformers finds the oldest
    checkpoint (`rotate_checkpoints`)."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = place.parent.stat()
    write_atomic(place, base64.b64decode(data))
    os.utime(place.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


def _paths(checkpoint: Path) -> Iterator[tuple[Path, str]]:
    """With their names, which end with a slash for folders: those at its top, and those in
    DeepSpeed's folder."""
    with contextlib.suppress(OSError):  # it is being deleted
        for path in sorted(checkpoint.iterdir()):
            if not path.is_dir():
                yield path, path.name
                continue
            yield path, f"{path.name}/"
            if path.name.startswith(ENGINE_FOLDER):
                yield from (
                    (below, f"{path.name}/{below.name}") for below in sorted(path.iterdir())
                )


def _file(found: tuple[Path, str], *, deep: bool) -> SavedFile | None:
    path, name = found
    with contextlib.suppress(FileNotFoundError):
        at = path.stat()
        sound = not deep or name.endswith("/") or _is_sound(path, at.st_size)
        return SavedFile(name, at.st_size, at.st_mtime_ns, sound)
    return None


def _is_sound(path: Path, size: int) -> bool:
    """Whether the file has all the bytes that its own format says it has."""
    if not size:
        return False
    test = next((test for suffixes, test in _TESTS if path.suffix in suffixes), None)
    try:
        return test(path, size) if test else True
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _is_complete_pickle(path: Path, _size: int) -> bool:
    """Torch writes a zip archive: the list of what is in it comes last. Older formats cannot be
    judged without loading them."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return True
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def _is_complete_safetensors(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > min(size, _HEADER_BYTES):
            return False
        header = json.loads(file.read(length))
    ends = [each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"]
    return size == _LENGTH_BYTES + length + max(ends, default=0)


def _is_complete_json(path: Path, _size: int) -> bool:
    content = json.loads(path.read_bytes())
    if path.name == TRAINER_STATE:
        return bool(content["global_step"] == step_in(path.parent.name))
    if path.name.endswith(".index.json"):
        return all((path.parent / name).is_file() for name in set(content["weight_map"].values()))
    return True


_TESTS: tuple[tuple[tuple[str, ...], Callable[[Path, int], bool]], ...] = (
    ((".pt", ".pth", ".bin"), _is_complete_pickle),
    ((".safetensors",), _is_complete_safetensors),
    ((".json",), _is_complete_json),
)
