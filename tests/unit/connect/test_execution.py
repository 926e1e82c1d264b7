"""Programs in a container: what an engine sends is read completely, however it is cut."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from dsk.connect.execution import execute, follow

OUT, ERR = 1, 2
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
REFUSAL = json.dumps({"message": "Container c1 is paused"}).encode()
PRINTED = [(OUT, b"printed first\n"), (ERR, b"a warning\n"), (OUT, b"printed last\n")]


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


FRAMES = b"".join(frame(stream, data) for stream, data in PRINTED)


class Engine(ThreadingUnixStreamServer):
    """Answers the questions of an exec as Docker does; `answer` is what follows its start."""

    daemon_threads = True
    answer: Callable[[socket.socket], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def do_GET(self) -> None:
        ended = self.path.startswith("/v1.41/exec/")
        self._reply({"ExitCode": 3} if ended else {"Id": "c1"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/start"):
            self.server.answer(self.connection)
            self.close_connection = True
        else:
            self._reply({"Id": "e1"})

    def _reply(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "engine.sock"), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def worker(engine: Engine) -> Container:
    client = docker.DockerClient(base_url=f"unix://{engine.server_address}", version="1.41")
    return client.containers.get("c1")


def at_once(connection: socket.socket) -> None:
    """Headers and output in one packet."""
    connection.sendall(HEADERS + FRAMES)


def byte_by_byte(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for byte in HEADERS + FRAMES:
        connection.send(bytes([byte]))


@pytest.mark.parametrize("answer", [at_once, byte_by_byte])
def test_output_is_complete_however_it_arrives(
    engine: Engine, answer: Callable[[socket.socket], None]
) -> None:
    engine.answer = answer
    done = execute(worker(engine), ["program"])
    assert (done.code, done.stdout, done.stderr) == (
        3,
        b"printed first\nprinted last\n",
        b"a warning\n",
    )
    assert b"".join(follow(worker(engine), ["program"])).startswith(b"printed first\n")


def test_the_client_library_alone_loses_what_comes_with_the_headers(engine: Engine) -> None:
    """Why dsk.connect.execution exists. Where this fails, docker-py may do it again."""
    engine.answer = at_once
    assert worker(engine).exec_run(["program"]).output != b"".join(data for _, data in PRINTED)


@pytest.mark.parametrize("cut", [3, 12])
def test_an_answer_that_breaks_off_is_an_error(engine: Engine, cut: int) -> None:
    engine.answer = lambda connection: connection.sendall(HEADERS + FRAMES[:cut])
    with pytest.raises(OSError, match="the engine's answer ends within"):
        execute(worker(engine), ["program"])


def test_a_refusal_has_the_engines_words(engine: Engine) -> None:
    head = f"HTTP/1.1 409 Conflict\r\nContent-Length: {len(REFUSAL)}\r\n\r\n".encode()
    engine.answer = lambda connection: connection.sendall(head + REFUSAL)
    with pytest.raises(APIError, match="Container c1 is paused"):
        execute(worker(engine), ["program"])
