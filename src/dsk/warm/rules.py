"""When a rank can be forked from this process, and when it has to start cold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dsk.text import Text
from dsk.warm import inherited
from dsk.warm.room import Room
from dsk.warm.stack import Decisive, Files
from dsk.wire.warm import PROGRAM, Request


@dataclass(frozen=True)
class Refusal:
    """Why a rank cannot be forked. `env`: a warm process with that environment could fork it, and
    is to take this one's place; None where none could."""

    reason: Text
    env: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Rules:
    """What a request is compared with. `env` is this process's at its start."""

    decisive: Decisive
    env: Mapping[str, str]
    files: Files
    room: Room

    def refusal(self, request: Request, peer: int) -> Refusal | None:
        """None where the rank that the process `peer` asks for can be forked. Raises OSError where
        `peer` cannot be read."""
        return next(self._refusals(request, peer), None)

    def _refusals(self, request: Request, peer: int) -> Iterator[Refusal]:
        if request.argv[: len(PROGRAM)] != PROGRAM:
            yield Refusal(Text("only {program} can be forked").filled(program=" ".join(PROGRAM)))
        if names := self.decisive.differing(self.env, request.env):
            rest = {n: v for n, v in self.env.items() if not self.decisive.of({n: v})}
            yield Refusal(
                Text("the warm process was started with a different {names}").filled(
                    names=", ".join(names)
                ),
                {**rest, **self.decisive.of(request.env)},
            )
        if path := self.files.changed():
            text = Text("{path} has changed since it was imported")
            yield Refusal(text.filled(path=str(path)), self.env)
        if names := inherited.differing(peer):
            text = Text("the warm process differs from the job's agent in {names}")
            yield Refusal(text.filled(names=", ".join(names)))
        if not os.access(request.folder, os.X_OK):
            text = Text("the working folder {folder} cannot be entered")
            yield Refusal(text.filled(folder=request.folder))
        if not self.room.holds(request.argv, request.env):
            yield Refusal(Text("its environment or command line is too long for a fork"))
