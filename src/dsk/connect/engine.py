"""A Docker engine behind an address."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import takewhile
from queue import Empty
from typing import TYPE_CHECKING, Any

from dsk.connect.listening import listen

if TYPE_CHECKING:
    from docker import DockerClient

Event = Mapping[str, Any]

SILENCE_S = 1.0


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
