"""Servers on this machine, each with a stand-in for its engine (engine_stand_in.py).

For what dsk asks engines and makes of their answers; tests/lab has real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsk.connect import Completed
from dsk.connect.local import LocalServer

PROGRAM = Path(__file__).with_name("engine_stand_in.py")


@dataclass(frozen=True)
class Engine:
    """`folder`: the programs that its server finds before those of this machine."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Engine:
        """Two engines in the same parent folder have one registry."""
        folder.mkdir()
        (folder.parent / "registry").mkdir(exist_ok=True)
        made = cls(folder)
        words = f"{sys.executable} -S {PROGRAM} {folder} {folder.parent / 'registry'}"
        made.add_program("docker", f'exec {words} "$@"')
        made._write({})
        return made

    def add_program(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    @property
    def path(self) -> str:
        return f"{self.folder}:{os.environ['PATH']}"

    @property
    def images(self) -> dict[str, Any]:
        """By name; as `docker image inspect` prints each."""
        return dict(json.loads((self.folder / "images.json").read_text()))

    def put(self, name: str, image: dict[str, Any]) -> None:
        self._write({**self.images, name: image})

    def publish(self, name: str, image: dict[str, Any]) -> None:
        """In the registry."""
        (self.folder.parent / "registry" / name.replace("/", "+")).write_text(json.dumps(image))

    def _write(self, images: dict[str, Any]) -> None:
        (self.folder / "images.json").write_text(json.dumps(images))

    @property
    def asked(self) -> list[list[str]]:
        """The words of each call of docker, in order."""
        file = self.folder / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class EngineServer(LocalServer):
    def __init__(self, where: str, engine: Engine) -> None:
        super().__init__(where)
        self._environment = ["env", f"PATH={engine.path}"]

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        return super().popen([*self._environment, *argv], **options)

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        return super().run([*self._environment, *argv], **options)
