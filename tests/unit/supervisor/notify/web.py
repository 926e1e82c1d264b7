"""A web server on this machine, with or without TLS, that answers as a test tells it to."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIMIT_S = 30.0
Answer = tuple[int, bytes]


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """`answers` are given one after another, then `default`. While `hold` is not set, a request
    gets no answer."""

    port: int = 0
    default: Answer = (200, b"ok")
    answers: list[Answer] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    scheme: str = "http"
    location: str = ""

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=LIMIT_S), "no request came"


@contextmanager
def serve(tls: tuple[Path, Path] | None = None) -> Iterator[Web]:
    """`tls`: the files of a certificate and its key."""
    web = Web()
    web.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            web.got.append(Got(self.path, dict(self.headers), body))
            web.came.release()
            web.hold.wait(LIMIT_S)
            status, text = web.answers.pop(0) if web.answers else web.default
            self.send_response(status)
            if web.location:
                self.send_header("Location", web.location)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that gives up, or refuses the certificate, is what tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        web.scheme = "https"
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for `name`, such as IP:127.0.0.1, that has signed itself, and its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=dsk test", "-addext", f"subjectAltName={name}"),
            *("-out", str(files[0]), "-keyout", str(files[1])),
        ],
        check=True,
        capture_output=True,
    )
    return files


Make = Callable[..., Web]
