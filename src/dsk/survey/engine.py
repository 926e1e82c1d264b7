"""What the `docker` program's refusals mean. Pure."""

from __future__ import annotations

from dsk.errors import DskError, Unreachable
from dsk.text import Text

START = Text("there: sudo systemctl start docker")


def engine_error(stderr: str, where: str | Text) -> DskError:
    """What the `docker` program printed when it failed, with the remedy. Pure."""
    text = stderr.lower()
    if "permission denied" in text and ("docker.sock" in text or "daemon socket" in text):
        return Unreachable(
            Text("this login may not use the Docker engine (permission denied)"),
            where=where,
            fix=Text(
                'there: sudo usermod -aG docker "$USER", then log in again; or use root (ssh.user)'
            ),
        )
    if "cannot connect to the docker daemon" in text or "is the docker daemon running" in text:
        return Unreachable(
            Text("the Docker engine is not running"),
            where=where,
            fix=START,
        )
    if "not found" in text and "docker" in text:
        return Unreachable(
            Text("Docker is not installed"),
            where=where,
            fix=Text(
                "there: install Docker Engine with Compose v2: "
                "https://docs.docker.com/engine/install/"
            ),
        )
    last = (stderr.strip().splitlines() or ["no answer"])[-1]
    silent = Text("the Docker engine does not answer: {last}")
    return Unreachable(silent.filled(last=last), where=where, fix=START)
