"""In the image: imports modules in the order given, and writes down what that asked for.

In: [module, ...]. Out, the last line: {"modules": [...], "variables": [...], "wholes": [...]}.
`modules` are those that none before them had imported already; `variables` the environment
variables that were read, NAME or, of a loop over all that looks for a beginning, BEGINNING*;
`wholes` the places in the code that looked at all variables and for no beginning.

GETENV_LOG names a file in which the shim of getenv.c has noted what was read by C libraries.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Environ = type(os.environ)
NOT_STORED = ("__main__", "__mp_main__", "sitecustomize")
"""Of a run's modules: its program, and what noted them."""
OWN = ("GETENV_LOG", "LD_PRELOAD")


class Reads:
    """Notes every access to os.environ while it is active."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.beginnings: set[str] = set()
        self.loops: dict[str, set[str]] = {}
        """Place in the code: the beginnings that it looked for."""

    def watch(self) -> None:
        reads, plain = self, Environ.__getitem__

        def get(environ: Any, key: Any) -> Any:
            # A key that a loop yielded was noted by the loop.
            if not isinstance(key, _Key):
                reads.names.add(os.fsdecode(key))
            return plain(environ, key)

        def loop(environ: Any) -> Iterator[str]:
            found = reads.loops.setdefault(_place(), set())
            for key in list(environ._data):
                yield _Key(environ.decodekey(key), found)

        Environ.__getitem__ = get  # type: ignore[method-assign]
        Environ.__iter__ = loop  # type: ignore[method-assign]


class _Key(str):
    """A name that a loop over the environment met."""

    __slots__ = ("_found",)

    def __new__(cls, name: str, found: set[str]) -> _Key:
        made = super().__new__(cls, name)
        made._found = found  # type: ignore[attr-defined]
        return made

    def startswith(self, beginning: Any, *rest: Any) -> bool:
        words = beginning if isinstance(beginning, tuple) else (beginning,)
        self._found.update(words)  # type: ignore[attr-defined]
        return super().startswith(beginning, *rest)

    def __getitem__(self, part: Any) -> str:
        """`name[:4] == "ABC_"`: what it is compared with is not seen."""
        self._found.add("?")  # type: ignore[attr-defined]
        return super().__getitem__(part)


def _place() -> str:
    """Where the code is that loops, outside of the standard library's os and collections."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.startswith(("<frozen", os.__file__)):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def import_roots(names: list[str]) -> list[str]:
    roots = []
    for name in names:
        if name in sys.modules or name in NOT_STORED:
            continue
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            # A name that a package has put into sys.modules itself: that package is listed.
            continue
        roots.append(name)
    return roots


def read_by_c() -> set[str]:
    log = os.environ.get("GETENV_LOG")
    return set(Path(log).read_text(errors="replace").split()) if log else set()


def main() -> None:
    names = json.load(sys.stdin)
    reads = Reads()
    reads.watch()
    roots = import_roots(names)
    beginnings = {found for loop in reads.loops.values() for found in loop} - {"?"}
    variables = {*reads.names, *read_by_c(), *(f"{each}*" for each in beginnings)} - {*OWN}
    wholes = [place for place, found in reads.loops.items() if not found]
    print(json.dumps({"modules": roots, "variables": sorted(variables), "wholes": wholes}))


main()
