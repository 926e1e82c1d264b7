"""What the warm process imports, and whether that is still what a fresh start would import."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dsk.wire import paths


@dataclass(frozen=True)
class Decisive:
    """Environment variables that decide something while the stack is imported: a rank can only be
    forked where it has the same values. `beginnings` stand for every name that begins so."""

    names: frozenset[str]
    beginnings: tuple[str, ...]

    @classmethod
    def read(cls, path: Path = Path(paths.WARM_VARIABLES)) -> Decisive:
        lines = _lines(path)
        beginnings = tuple(line.removesuffix("*") for line in lines if line.endswith("*"))
        return cls(frozenset(line for line in lines if not line.endswith("*")), beginnings)

    def of(self, env: Mapping[str, str]) -> dict[str, str]:
        return {
            name: value
            for name, value in env.items()
            if name in self.names or name.startswith(self.beginnings)
        }

    def differing(self, one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
        """The names of those that are not the same in both, sorted."""
        ours, theirs = self.of(one), self.of(other)
        return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def modules(path: Path = Path(paths.WARM_MODULES)) -> list[str]:
    return _lines(path)


def _lines(path: Path) -> list[str]:
    """Without comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def import_all(names: Iterable[str]) -> None:
    """Raises what an import raises. Nothing that is loaded is garbage: without collecting, the
    imports take less time, and later no collection writes into memory that forks share."""
    gc.disable()
    for name in names:
        if name not in sys.modules:
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


class Files:
    """The files of all modules that are imported by now."""

    def __init__(self) -> None:
        loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self._seen = {path: _stamp(path) for path in loaded if isinstance(path, str)}

    def changed(self) -> str | None:
        """One that is not as it was, as after an update of a package; None where all are."""
        return next((path for path, seen in self._seen.items() if _stamp(path) != seen), None)


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
