"""`dsk report --live`: who gets the page, and what happens when the job cannot be read."""

from __future__ import annotations

import dataclasses
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dsk.cli import live
from dsk.cli.live import Pages, Server
from dsk.errors import Unreachable, UserError
from dsk.report.content import Content, content
from dsk.report.record import JobRecord, read_record
from tests.unit.report import jobs


class Job:
    """As it is read at the moment; None: it cannot be."""

    def __init__(self) -> None:
        found = read_record("j1", jobs.files(jobs.restarted()[:9]))
        self.record: JobRecord | None = dataclasses.replace(found, state="running")
        self.looks = 0

    def look(self) -> Content:
        self.looks += 1
        if self.record is None:
            raise Unreachable("the server is gone")
        return content(self.record)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    monkeypatch.setattr(live, "COST", 0.0)


@contextmanager
def serving(job: Job) -> Iterator[Server]:
    with Server(Pages(job.look, "en"), None) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def get(server: Server, path: str, **headers: str) -> tuple[int, str, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers["ETag"]
    finally:
        connection.close()


def path(server: Server) -> str:
    return urlsplit(server.url).path


def test_only_its_address_gives_the_page() -> None:
    with serving(Job()) as server:
        good = path(server)
        assert len(good) > 30
        status, text, _ = get(server, good)
        assert status == 200 and "<h1><bdi>j1</bdi>" in text and '"live":3000' in text
        other_end = "x/" if good[-2] == "y" else "y/"
        wrong = ("/", good[:-1], good[:-2] + other_end, f"{good}more", "/../", "/%00/")
        for other in wrong:
            assert get(server, other)[:2] == (404, ""), other
        assert get(server, good, Host="evil.example")[0] == 404, "DNS rebinding"
        assert get(server, good, Host=f"localhost:{server.server_port}")[0] == 200


def test_it_listens_on_this_machine_alone() -> None:
    with serving(Job()) as server:
        assert server.server_address[0] == "127.0.0.1"
        port = server.server_port
        with socket.socket() as other, pytest.raises(OSError):
            other.connect(("127.0.0.2", port))


def test_the_token_is_printed_by_no_request(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Job()) as server:
        get(server, path(server))
        get(server, f"{path(server)}?x")
        get(server, "/wrong")
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_what_has_not_changed_is_not_sent_again() -> None:
    job = Job()
    with serving(job) as server:
        assert job.record
        job.record = dataclasses.replace(job.record, state="succeeded")
        _, _, tag = get(server, path(server))
        assert tag
        assert get(server, path(server), **{"If-None-Match": tag})[:2] == (304, "")
        looks = job.looks
        get(server, path(server))
        assert job.looks == looks, "a job that has ended is not read again"


def test_a_job_that_cannot_be_read_for_a_while(capfd: pytest.CaptureFixture[str]) -> None:
    job = Job()
    with serving(job) as server:
        known, job.record = job.record, None
        assert [get(server, path(server))[0] for _ in range(3)] == [503] * 3
        job.record = known
        assert get(server, path(server))[0] == 200
    assert capfd.readouterr().err.count("the server is gone") == 1, "said once"


def test_the_first_error_ends_it() -> None:
    job = Job()
    job.record = None
    with pytest.raises(Unreachable):
        Pages(job.look, "en")


def test_a_port_that_is_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is in use"):
            Server(Pages(Job().look, "en"), port)


def test_a_port_that_is_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HOST", "192.0.2.1")  # no address of this machine
    with pytest.raises(UserError, match="cannot be used"):
        Server(Pages(Job().look, "en"), 8123)
