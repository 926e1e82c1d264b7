"""The files of the Python packages against their RECORD (PyPA's "Recording installed projects")."""

from __future__ import annotations

import base64
import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from dsk.digest import sha256

CODE = (".py", ".so", ".pth")

CHANGED = "not as its package installed it"
MISSING = "missing, though its package installed it"
FOREIGN = "of no package"


def altered(venv: Path, stack: str) -> dict[str, str]:
    """What is wrong with files below site-packages and bin, by path.

    What the build itself takes away or strips (the stack's trim.txt) is no fault, and stays
    unchecked. Files of no package are looked for among those that Python or the loader would run.
    """
    site_packages = next(venv.glob("lib/python3*/site-packages"))
    recorded = dict(_recorded(site_packages))
    trimmed = _trimmed(stack)

    def problem(path: Path) -> str | None:
        if path.is_relative_to(site_packages):
            inside = str(path.relative_to(site_packages))
            if any(_matches(inside, pattern) for pattern in trimmed):
                return None
        if not path.is_file():
            return MISSING
        return None if _as_recorded(path) == recorded[path] else CHANGED

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = zip(recorded, pool.map(problem, recorded), strict=True)
        found = {str(path): wrong for path, wrong in judged if wrong}
    known = _all_named(site_packages)
    for path in site_packages.rglob("*"):
        if path.suffix in CODE and path.is_file() and path not in known:
            found[str(path)] = FOREIGN
    return found


def _rows(site_packages: Path) -> Iterator[tuple[Path, str]]:
    for record in site_packages.glob("*.dist-info/RECORD"):
        with record.open(newline="", encoding="utf-8") as file:
            for name, encoded, *_ in csv.reader(file):
                yield Path(os.path.normpath(site_packages / name)), encoded


def _recorded(site_packages: Path) -> Iterator[tuple[Path, str]]:
    """Files that have a hash, all of them SHA-256 where pip or uv has written them; .pyc have
    none that counts, since the build compiles again."""
    for path, encoded in _rows(site_packages):
        if encoded.startswith("sha256=") and path.suffix != ".pyc":
            yield path, encoded.removeprefix("sha256=")


def _all_named(site_packages: Path) -> set[Path]:
    return {path for path, _ in _rows(site_packages)}


def _as_recorded(path: Path) -> str:
    """As RECORD writes it: urlsafe base64 without padding."""
    return base64.urlsafe_b64encode(sha256(path)).decode().rstrip("=")


def _trimmed(stack: str) -> list[str]:
    """The globs of the stack's trim.txt, whose lines are LAYER ACTION GLOB."""
    trim = files("dsk.assets") / "stacks" / stack / "trim.txt"
    if not trim.is_file():
        return []
    lines = (line.split() for line in trim.read_text(encoding="utf-8").splitlines())
    return [words[2] for words in lines if words and not words[0].startswith("#")]


def _matches(path: str, pattern: str) -> bool:
    """Whether the glob names the file, or a folder above it. `**` stands for any folders."""
    parts = path.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    # fnmatch's `*` crosses `/`, and `**/` may stand for no folder at all.
    choices = (pattern, pattern.replace("**/", ""))
    return any(fnmatchcase(name, choice) for name in above for choice in choices)
