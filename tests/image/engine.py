"""Containers of the image under test, through the `docker` program."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "inside"
LIMIT_S = 120.0
NAMES = f"dsk-imagetest-{os.getpid()}"
"""Every container and network of this run that lasts longer than a command begins so."""


def docker(
    *words: str, text: str | None = None, check: bool = True, limit_s: float = LIMIT_S
) -> subprocess.CompletedProcess[str]:
    """Runs `docker WORDS...`. With `check`, an exit status other than 0 raises with all output."""
    done = subprocess.run(
        ["docker", *words], input=text, capture_output=True, text=True, timeout=limit_s, check=False
    )
    if check and done.returncode:
        raise AssertionError(
            f"docker {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


def inspect(name: str) -> dict[str, Any]:
    """`docker inspect` of a container or an image."""
    found: dict[str, Any] = json.loads(docker("inspect", name).stdout)[0]
    return found


def remove_left_over() -> None:
    """What earlier runs of these tests left that were cut off: their process is gone."""
    for listing, remove in (
        (("ps", "--all", "--format", "{{.Names}}"), ("rm", "--force", "--volumes")),
        (("network", "ls", "--format", "{{.Name}}"), ("network", "rm")),
    ):
        for name in docker(*listing).stdout.split():
            run = re.match(r"dsk-imagetest-(\d+)\b", name)
            if run and not Path("/proc", run[1]).exists():
                docker(*remove, name)


class Image:
    """The image, and short-lived containers of it: each is gone when its command ends."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def run(
        self,
        command: Sequence[str],
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        text: str | None = None,
        check: bool = True,
        limit_s: float = LIMIT_S,
    ) -> subprocess.CompletedProcess[str]:
        settings = [f"--env={name}={value}" for name, value in (env or {}).items()]
        return docker(
            "run", "--rm", "--interactive", *settings, *options, self.reference, *command,
            text=text, check=check, limit_s=limit_s,
        )  # fmt: skip

    def script(
        self,
        name: str,
        questions: object = None,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        limit_s: float = LIMIT_S,
    ) -> Any:
        """Runs tests/image/inside/NAME in the image's Python: JSON in on stdin, JSON out."""
        code = (SCRIPTS / name).read_text()
        done = self.run(
            ["/opt/venv/bin/python", "-c", code],
            options=options, env=env, text=json.dumps(questions), limit_s=limit_s,
        )  # fmt: skip
        # Packages that are imported may print before the answer, which is the last line.
        return json.loads(done.stdout.splitlines()[-1])
