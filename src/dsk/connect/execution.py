"""A program in a container, started by the engine's API.

docker-py's own `exec_run` reads the connection beneath its buffer: output that arrives together
with the headers of the engine's answer is lost, and what follows is split at the wrong places
(https://github.com/docker/docker-py/issues/3160). Here the answer is read like any other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import APIClient
    from docker.models.containers import Container

STDOUT, STDERR = 1, 2
SILENCE_LIMIT_S = 600.0
"""For a program that is waited for: the demo's imports torch, on a slow disk, before it prints."""

HEADER = struct.Struct(">BxxxL")
"""Of each piece of output: the stream and the number of bytes (Docker's API, attach)."""


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: bytes
    stderr: bytes


def execute(container: Container, argv: Sequence[str]) -> Ended:
    """Run a program to its end. Raises OSError and docker-py's errors."""
    execution = _create(container, argv, stderr=True)
    output = {STDOUT: b"", STDERR: b""}
    for stream, data in _pieces(container, execution, SILENCE_LIMIT_S):
        output[stream] += data
    code = int(_api(container).exec_inspect(execution)["ExitCode"])
    return Ended(code, output[STDOUT], output[STDERR])


def follow(container: Container, argv: Sequence[str]) -> Iterator[bytes]:
    """Start a program and yield its standard output as it comes, however long it is silent. Raises
    OSError and docker-py's errors."""
    execution = _create(container, argv, stderr=False)
    for _, data in _pieces(container, execution, None):
        yield data


def _create(container: Container, argv: Sequence[str], *, stderr: bool) -> str:
    return str(_api(container).exec_create(container.id, list(argv), stderr=stderr)["Id"])


def _api(container: Container) -> APIClient:
    assert container.client  # noqa: S101 - every container that an engine lists has it
    return container.client.api


def _pieces(
    container: Container, execution: str, silence_limit_s: float | None
) -> Iterator[tuple[int, bytes]]:
    from docker.errors import create_api_error_from_http_exception
    from requests.exceptions import HTTPError

    api = _api(container)
    url = f"{api.base_url}/v{api.api_version}/exec/{execution}/start"
    limits = (api.timeout, silence_limit_s)
    plain = {"Detach": False, "Tty": False}
    with api.post(url, json=plain, stream=True, timeout=limits) as response:
        try:
            response.raise_for_status()
        except HTTPError as error:
            create_api_error_from_http_exception(error)
        while header := response.raw.read(HEADER.size):
            if len(header) < HEADER.size:
                raise OSError("the engine's answer ends within a header")
            stream, size = HEADER.unpack(header)
            data = response.raw.read(size)
            if len(data) < size:
                raise OSError("the engine's answer ends within a line")
            yield stream, data
