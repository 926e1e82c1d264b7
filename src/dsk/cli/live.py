"""`dsk report --live`: the page on this machine alone, for whoever has its address."""

from __future__ import annotations

import errno
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dsk.cli.errors import show
from dsk.cli.printing import echo
from dsk.errors import DskError, UserError
from dsk.report.page import page
from dsk.text import Language, Text

if TYPE_CHECKING:
    from dsk.report.content import Content

HOST = "127.0.0.1"
EVERY_S = 2.0
COST = 4.0
"""To read a job takes at most one part in so many of the time."""
TOKEN_BYTES = 24
REQUEST_LIMIT_S = 30.0


def serve(look: Callable[[], Content], language: Language, port: int | None) -> None:
    """Until Ctrl-C. Raises DskError where the job cannot be read, or the port is in use."""
    pages = Pages(look, language)
    with Server(pages, port) as server:
        echo(Text("{url}   (Ctrl-C ends this)").filled(url=server.url))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class Pages:
    """The newest page. For several threads; the job is read by one at a time."""

    def __init__(self, look: Callable[[], Content], language: Language) -> None:
        """Reads the job. Raises DskError."""
        self._look = look
        self._language = language
        self._lock = threading.Lock()
        self._error: str | None = None
        self._page = b""
        self._runs = True
        self._due = 0.0
        self._read()

    def newest(self) -> bytes | None:
        """None where the job cannot be read at the moment; why is shown once."""
        with self._lock:
            if self._runs and time.monotonic() >= self._due:
                try:
                    self._read()
                    self._error = None
                except DskError as error:
                    if self._error != error.message:
                        show(error)
                    self._error = error.message
            return None if self._error else self._page

    def _read(self) -> None:
        begin = time.monotonic()
        try:
            content = self._look()
            self._runs = content.record.runs
            self._page = page(content, self._language, made=time.time(), live=True).encode(
                errors="backslashreplace"
            )
        finally:
            end = time.monotonic()
            self._due = end + max(EVERY_S, COST * (end - begin))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: Pages, port: int | None) -> None:
        """Raises UserError where the port cannot be had."""
        self.pages = pages
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        try:
            super().__init__((HOST, port or 0), _Handler)
        except OSError as error:
            raise _no_port(port, error) from error

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self._token}/"

    def serves(self, path: str, host: str) -> bool:
        """Whether the path has the token. Another name for this machine is no address of the page:
        a foreign web site could have its name lead here."""
        wanted, given = f"/{self._token}/".encode(), path.encode(errors="replace")
        named = host in (f"{HOST}:{self.server_port}", f"localhost:{self.server_port}")
        return hmac.compare_digest(wanted, given) and named


def _no_port(port: int | None, error: OSError) -> UserError:
    if error.errno == errno.EADDRINUSE:
        text = Text("port {port} is in use by another program").filled(port=port)
    else:
        text = Text("port {port} cannot be used: {why}").filled(port=port, why=error.strerror)
    return UserError(text, where="--port", fix=Text("name another port, or leave out --port"))


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "dsk"
    sys_version = ""
    timeout = REQUEST_LIMIT_S

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self.server.serves(path, self.headers.get("Host", "")):
            self._answer(HTTPStatus.NOT_FOUND)
            return
        found = self.server.pages.newest()
        if found is None:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        tag = f'"{hashlib.sha256(found).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == tag:
            self._answer(HTTPStatus.NOT_MODIFIED, tag=tag)
        else:
            self._answer(HTTPStatus.OK, found, tag=tag)

    def _answer(self, status: HTTPStatus, body: bytes = b"", *, tag: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Nothing: the path holds the token."""
