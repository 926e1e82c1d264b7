"""A Docker engine behind an address, and what its refusals mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import takewhile
from queue import Empty
from typing import TYPE_CHECKING, Any

from dsk.connect.listening import listen
from dsk.errors import DskError, Unreachable
from dsk.text import Text

if TYPE_CHECKING:
    from docker import DockerClient

Event = Mapping[str, Any]

SILENCE_S = 1.0
GUIDE = "https://docs.docker.com/engine/install/"
INSTALL = Text("install Docker Engine with Compose v2: {guide}").filled(guide=GUIDE)


def open_engine(url: str) -> DockerClient:
    """Connects and makes sure that it answers. Raises OSError."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(base_url=url, timeout=60)
        client.ping()
    except DockerException as error:
        raise OSError(str(error)) from error
    return client


def pull(engine: DockerClient, repository: str, digest: str) -> Iterator[Event | None]:
    """Pulls an image by digest and yields the engine's events: `id`, `status`, `progressDetail`.

    None each second without one: docker-py waits for the next without any limit, and how long that
    may be is the caller's to say. Raises OSError with the engine's words, also where the way to it
    is lost.
    """
    left = threading.Event()
    news = listen(takewhile(lambda _: not left.is_set(), _pull(engine, repository, digest)))
    try:
        while True:
            try:
                found = news.get(timeout=SILENCE_S)
            except Empty:
                yield None
                continue
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            yield found
    finally:
        left.set()


def _pull(engine: DockerClient, repository: str, digest: str) -> Iterator[Event]:
    from http.client import HTTPException

    from docker.errors import DockerException
    from urllib3.exceptions import HTTPError

    try:
        for event in engine.api.pull(repository, tag=digest, stream=True, decode=True):
            if "error" in event:
                raise OSError(event["error"])
            yield event
    except (DockerException, HTTPError, HTTPException) as error:
        raise OSError(str(error)) from error


def engine_error(stderr: str, where: str) -> DskError:
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
            fix=Text("there: sudo systemctl start docker"),
        )
    if "not found" in text and "docker" in text:
        return Unreachable(
            Text("Docker is not installed"),
            where=where,
            fix=Text("there: {install}").filled(install=INSTALL),
        )
    last = (stderr.strip().splitlines() or ["no answer"])[-1]
    silent = Text("the Docker engine does not answer: {last}")
    return Unreachable(silent.filled(last=last), where=where)
