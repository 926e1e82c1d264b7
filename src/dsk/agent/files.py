"""What lies in this node's workspace: listed, hashed, deleted (wire.transfer)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dsk.digest import sha256
from dsk.text import Text
from dsk.wire.transfer import PARTIAL, Entry, Listing

HASHING_THREADS = 4
OWN = ".dsk"
"""dsk's own folder at the top of a workspace: each node's own, never copied."""


def survey(workspace: str, paths: Sequence[str]) -> Listing:
    """List `paths` (relative to the workspace) and all below, links not followed.

    A path that does not exist is not in it.
    """
    return _Survey(Path(workspace)).of(paths)


def digests(workspace: str, paths: Sequence[str]) -> tuple[str | None, ...]:
    """SHA-256 of each file in hexadecimal; None where it cannot be read."""
    with ThreadPoolExecutor(min(HASHING_THREADS, os.cpu_count() or 1)) as pool:
        return tuple(pool.map(lambda path: _digest(Path(workspace, path)), paths))


def delete(workspace: str, paths: Sequence[str]) -> int:
    """Deletes files, links and empty folders, the deepest first; how many there were."""
    gone = 0
    for path in sorted(paths, key=lambda path: path.count("/"), reverse=True):
        place = Path(workspace, path)
        try:
            if place.is_dir() and not place.is_symlink():
                place.rmdir()
            else:
                place.unlink()
        except OSError:
            continue  # gone already, or a folder that has got something new
        gone += 1
    return gone


class _Survey:
    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._root = workspace.resolve()
        self._entries: dict[str, Entry] = {}
        self._partials: dict[str, int] = {}
        self._behind: list[Text] = []
        self._problems: list[Text] = []
        self._links: list[tuple[str, Path]] = []
        self._skipped = 0

    def of(self, paths: Sequence[str]) -> Listing:
        for path in paths:
            place = self._workspace / path
            if self._passes_a_link(place):
                continue
            if place != self._workspace:
                self._add_partial(place)
                if os.path.lexists(place):
                    self._add(place)
            self._walk(place)
        wanted = [(self._root / path) for path in paths]
        astray = tuple(
            path
            for path, target in self._links
            if target.exists() and not any(target.is_relative_to(root) for root in wanted)
        )
        free = min((_free(self._workspace / path) for path in paths), default=0)
        return Listing(
            self._entries,
            self._partials,
            free,
            tuple(self._behind),
            tuple(self._problems),
            self._skipped,
            astray,
        )

    def _passes_a_link(self, place: Path) -> bool:
        """A link among the parents would make `place` another one than its name says."""
        if place == self._workspace:
            return False
        real = place.parent.resolve()
        if real == self._root / place.parent.relative_to(self._workspace):
            return False
        self._behind.append(
            Text("{path} is behind a symbolic link, at {real}: name that").filled(
                path=self._name(place), real=str(real / place.name)
            )
        )
        return True

    def _walk(self, top: Path) -> None:
        if top.is_symlink() or not top.is_dir():
            return
        for found in _scan(top):
            if found.name == PARTIAL:
                self._add_partials(top / PARTIAL)
            elif found.name != OWN or top != self._workspace:
                self._add(top / found.name)
                if found.is_dir(follow_symlinks=False):
                    self._walk(top / found.name)

    def _add(self, place: Path) -> None:
        name = self._name(place)
        if not _is_utf8(name):
            text = Text("{path} is not UTF-8: rename it")
            self._problems.append(text.filled(path=ascii(name)))
            return
        status = place.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            self._add_link(place, name)
        elif stat.S_ISDIR(status.st_mode):
            self._entries[name] = Entry(name, "folder", mode=mode)
        elif stat.S_ISREG(status.st_mode):
            self._entries[name] = Entry(name, "file", status.st_size, mode)
        else:
            self._skipped += 1

    def _add_link(self, place: Path, name: str) -> None:
        text = str(place.readlink())
        # Not resolve() alone: it would give up in silence on links that lead in a circle.
        target = Path(os.path.realpath(place))
        if not target.is_relative_to(self._root):
            shown = text if _is_utf8(text) else ascii(text)
            out = Text("{path} is a symbolic link out of the workspace, to {target}")
            self._problems.append(out.filled(path=name, target=shown))
            return
        if not _is_utf8(text):
            bad = Text("{path} is a symbolic link to {target}, which is not UTF-8")
            self._problems.append(bad.filled(path=name, target=ascii(text)))
            return
        self._links.append((name, target))
        self._entries[name] = Entry(name, "link", link=text)

    def _add_partials(self, folder: Path) -> None:
        for found in _scan(folder):
            self._add_partial(folder.parent / found.name)

    def _add_partial(self, place: Path) -> None:
        arrived = place.parent / PARTIAL / place.name
        if arrived.is_file() and _is_utf8(place.name):
            self._partials[self._name(place)] = arrived.stat().st_size

    def _name(self, place: Path) -> str:
        return str(place.relative_to(self._workspace))


def _is_utf8(name: str) -> bool:
    """Names that are not come from the system with surrogates in them."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        yield from sorted(found, key=lambda entry: entry.name)


def _free(place: Path) -> int:
    while not place.is_dir():
        place = place.parent
    return shutil.disk_usage(place).free


def _digest(path: Path) -> str | None:
    try:
        return sha256(path).hex()
    except OSError:
        return None
