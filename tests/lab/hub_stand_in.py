"""A hub that serves folders of this machine, in the parts of its protocol that a download takes.

As huggingface_hub speaks it: /api/models/ID/revision/REVISION and /tree/COMMIT, and
/ID/resolve/COMMIT/FILE with ETag, X-Repo-Commit and byte ranges. As modelscope does:
/api/v1/models/ID/repo and its files.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GATED = "someone/gated"
PART = 1 << 16
LARGE = 10_000_000


@dataclass(frozen=True)
class Request:
    """`begin`: the first byte asked for; `token`: what Authorization held."""

    client: str
    method: str
    path: str
    begin: int
    token: str


@dataclass
class Hub:
    """`repos` by id; `only`: the one client that is answered, others are hung up on. `rate` in
    bytes per second, None as fast as it goes."""

    address: str
    only: str
    repos: Mapping[str, Path]
    rate: float | None = None
    requests: list[Request] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer((self.address, port), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def port(self) -> int:
        assert self._server
        return int(self._server.server_address[1])

    @property
    def downloads(self) -> list[Request]:
        return [asked for asked in self.requests if asked.method == "GET" and _is_file(asked.path)]


def _is_file(path: str) -> bool:
    return "/resolve/" in path or "FilePath=" in path


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        client = str(self.client_address[0])
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        token = self.headers.get("Authorization", "")
        first = int(begin[1]) if begin else 0
        self.hub.requests.append(Request(client, self.command, self.path, first, token))
        if client != self.hub.only:
            self.close_connection = True
            return None
        path = urlsplit(self.path).path
        for pattern, action in (
            (r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", self._info),
            (r"/api/models/([^/]+/[^/]+)/tree/[^/]+", self._tree),
            (r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", self._file),
            (r"/api/v1/models/([^/]+/[^/]+)/repo", self._modelscope_file),
            (r"/api/v1/models/([^/]+/[^/]+)/repo/files", self._modelscope_files),
        ):
            if match := re.fullmatch(pattern, path):
                if match[1] not in self.hub.repos:
                    return self._refuse(404, "RepoNotFound", "Repository Not Found")
                return action(*match.groups())
        return self._refuse(404, "EntryNotFound", "no such page")

    def _info(self, repo: str) -> None:
        siblings = [
            {"rfilename": name, "size": file.stat().st_size, "blobId": _git(file), **_lfs(file)}
            for name, file in self._files(repo)
        ]
        self._json({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": []})

    def _tree(self, repo: str) -> None:
        self._json(
            [
                {"type": "file", "path": name, "size": file.stat().st_size, "oid": _git(file)}
                for name, file in self._files(repo)
            ]
        )

    def _file(self, repo: str, name: str) -> None:
        if repo == GATED:
            return self._refuse(403, "GatedRepo", "Access to this model is restricted")
        file = self.hub.repos[repo] / name
        if not file.is_file():
            return self._refuse(404, "EntryNotFound", "Entry not found")
        return self._send(file)

    def _modelscope_files(self, repo: str) -> None:
        files = [
            {
                "Name": file.name,
                "Path": name,
                "Type": "blob",
                "Size": file.stat().st_size,
                "Sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "Revision": COMMIT,
                "CommittedDate": 1700000000,
                "IsLFS": False,
            }
            for name, file in self._files(repo)
        ]
        self._json({"Code": 200, "Success": True, "Data": {"Files": files}})

    def _modelscope_file(self, repo: str) -> None:
        name = parse_qs(urlsplit(self.path).query)["FilePath"][0]
        self._send(self.hub.repos[repo] / name)

    def _files(self, repo: str) -> Iterator[tuple[str, Path]]:
        folder = self.hub.repos[repo]
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                yield str(file.relative_to(folder)), file

    def _send(self, file: Path) -> None:
        size = file.stat().st_size
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(begin[1]) if begin else 0
        self.send_response(206 if begin else 200)
        self.send_header("ETag", f'"{_etag(file)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(size - first))
        if begin:
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.end_headers()
        if self.command == "HEAD":
            return
        with file.open("rb") as content:
            content.seek(first)
            try:
                while part := content.read(PART):
                    self.wfile.write(part)
                    if self.hub.rate:
                        time.sleep(len(part) / self.hub.rate)
            except ConnectionError:
                self.close_connection = True

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _git(file: Path) -> str:
    """As git names a blob."""
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _lfs(file: Path) -> dict[str, Any]:
    """A large file is outside git, under its SHA-256."""
    if (size := file.stat().st_size) < LARGE:
        return {}
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"lfs": {"sha256": sha256, "size": size, "pointerSize": 134}}


def _etag(file: Path) -> str:
    lfs = _lfs(file)
    return str(lfs["lfs"]["sha256"]) if lfs else _git(file)
