"""How a rank becomes a process: the one seam between starting a program and any quicker way."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from dsk.text import Text


@dataclass(frozen=True)
class RankCommand:
    """What a rank runs. `env` is its complete environment, `folder` its working folder."""

    rank: int
    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path


class RankProcess(ABC):
    """A rank that was started. `pid` is its process, `output` the reading end of the pipe that has
    both its standard output and its standard error. `cold` says why it is no fork of the warm
    process, where it could have been one."""

    pid: int
    output: BinaryIO
    cold: Text | None = None

    @abstractmethod
    def wait(self) -> int:
        """Wait for its end, and return its exit code: negative if a signal ended it."""


class Starter(ABC):
    """The rank is a child of this process, or becomes one when its parent ends; it leads a session
    of its own, and its standard input is empty."""

    @abstractmethod
    def start(self, command: RankCommand) -> RankProcess:
        """Raises OSError where the rank cannot be started."""


class ExecStarter(Starter):
    """Runs the command line as a new program."""

    def start(self, command: RankCommand) -> RankProcess:
        return _Executed(
            subprocess.Popen(
                command.argv,
                env=command.env,
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )


class _Executed(RankProcess):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self.output = cast("BinaryIO", process.stdout)  # opened with PIPE above
        self._process = process

    def wait(self) -> int:
        return self._process.wait()
