"""The program that sends messages, with real servers: what arrives, and what it says otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.supervisor.notify import deliver
from dsk.supervisor.notify.deliver import Commands
from dsk.wire.notify import Delivery, Message, Outcome, Target
from tests.unit.supervisor.notify.web import Web, certificate, serve

MESSAGE = Message("failed", "j", "lab", 1.0, "a title", "a text")
TOKEN = "/hook/0123456789abcdef"
PROGRAM = [sys.executable, "-I", "-m", "dsk.supervisor.notify"]


def to(web: Web, path: str = TOKEN) -> Target:
    return Target("team", "json", ("failed",), web.url(path))


def sent(*targets: Target, **env: str) -> list[tuple[str | None, bool]]:
    """By the program; what it says, and whether another try may succeed."""
    text = "".join(Delivery(each, MESSAGE, env).to_json() + "\n" for each in targets)
    done = subprocess.run(
        PROGRAM, check=False, input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    for secret in (TOKEN, "0123456789abcdef"):
        assert secret not in done.stdout + done.stderr
    outcomes = list(map(Outcome.from_json, done.stdout.splitlines()))
    assert [each.target for each in outcomes] == [each.name for each in targets]
    return [
        (each.problem.in_language("en") if each.problem else None, each.again) for each in outcomes
    ]


def test_a_message_arrives(web: Web) -> None:
    assert sent(to(web)) == [(None, False)]
    (got,) = web.got
    assert got.path == TOKEN
    assert got.headers["Content-Type"].startswith("application/json")
    assert json.loads(got.body)["title"] == "a title"


def test_several_side_by_side(web: Web) -> None:
    targets = [replace(to(web), name=f"t{number}") for number in range(3)]
    assert sent(*targets) == [(None, False)] * 3
    assert len(web.got) == 3


@pytest.mark.parametrize(
    ("status", "body", "problem", "again"),
    [
        (500, b"", "the server answered HTTP 500", True),
        (503, b"try \x1b[31mlater", "the server answered HTTP 503: try later", True),
        (429, b"", "the server answered HTTP 429", True),
        (404, b"no_service", "the server answered HTTP 404: no_service", False),
        (
            400,
            f"cannot POST {TOKEN}".encode(),
            "the server answered HTTP 400: cannot POST ***",
            False,
        ),
    ],
)
def test_a_server_that_refuses(
    web: Web, status: int, body: bytes, problem: str, again: bool
) -> None:
    web.default = status, body
    assert sent(to(web)) == [(problem, again)]


def test_a_redirect_is_not_followed(web: Web) -> None:
    with serve() as elsewhere:
        web.default, web.location = (302, b""), elsewhere.url("/stolen")
        ((problem, again),) = sent(to(web))
        assert not elsewhere.got
    assert problem and problem.startswith("the server answered HTTP 302, a redirect") and not again


def test_a_service_that_refuses_with_200(secure: Web, tls: tuple[Path, Path]) -> None:
    secure.default = 200, b'{"errcode":130101,"errmsg":"send too fast"}'
    target = replace(to(secure), kind="dingtalk", secret="SEC1234")
    said = "the service refused the message: send too fast (code 130101)"
    assert sent(target, SSL_CERT_FILE=str(tls[0])) == [(said, True)]


def test_https_with_a_certificate_that_the_job_trusts(secure: Web, tls: tuple[Path, Path]) -> None:
    assert sent(to(secure), SSL_CERT_FILE=str(tls[0])) == [(None, False)]


def test_a_certificate_of_nobody(secure: Web) -> None:
    ((problem, again),) = sent(to(secure))
    assert problem and problem.startswith("the server's certificate is not valid") and not again
    assert not secure.got


def test_a_certificate_of_another_server(tmp_path: Path) -> None:
    files = certificate(tmp_path, "DNS:other.example")
    with serve(files) as web:
        ((problem, again),) = sent(to(web), SSL_CERT_FILE=str(files[0]))
        assert not web.got
    assert problem and problem.startswith("the server's certificate is not valid") and not again


def test_nobody_listens(web: Web) -> None:
    with serve() as gone:
        target = to(gone)
    ((problem, again),) = sent(target)
    assert (problem, again) == ("no connection: Connection refused", True)


def test_a_name_that_is_not_known() -> None:
    target = Target("team", "json", (), f"http://nowhere.invalid{TOKEN}")
    ((problem, again),) = sent(target)
    assert problem and problem.startswith("the host name cannot be resolved") and again
    assert "nowhere" not in problem


def test_what_is_no_http(tmp_path: Path) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            there, _ = server.accept()
            with there:
                there.recv(65536)
                there.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}{TOKEN}"
        ((problem, again),) = sent(Target("team", "json", (), url))
        thread.join()
    assert problem and "no valid HTTP answer (BadStatusLine)" in problem and again


def test_proxies_of_the_jobs_environment(web: Web) -> None:
    """The proxy gets the complete URL; `no_proxy` goes around it."""
    target = Target("team", "json", (), f"http://hooks.example{TOKEN}")
    assert sent(target, http_proxy=web.url("")) == [(None, False)]
    assert web.got[0].path == f"http://hooks.example{TOKEN}"
    with serve() as proxy:
        assert sent(to(web), http_proxy=proxy.url(""), no_proxy="127.0.0.1") == [(None, False)]
        assert not proxy.got


def test_a_command_gets_the_message_and_the_jobs_environment(tmp_path: Path) -> None:
    file = tmp_path / "got"
    command = ("sh", "-c", f'cat >{file}; echo "$TEAM" >>{file}; echo noise')
    assert sent(Target("own", "command", (), command=command), TEAM="blue") == [(None, False)]
    first, second = file.read_text().splitlines()
    assert json.loads(first)["event"] == "failed"
    assert second == "blue"


def test_a_command_that_fails() -> None:
    failing = Target("a", "command", (), command=("sh", "-c", "echo s3cret >&2; exit 3"))
    missing = Target("b", "command", (), command=("/no/such/program",))
    deaf = Target("c", "command", (), command=("true",))
    assert sent(failing, missing, deaf) == [
        ("the command exited with code 3", True),
        ("the command cannot be started: No such file or directory", False),
        (None, False),
    ]


def test_a_command_that_hangs_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ANSWER_LIMIT_S", 0.2)
    pid = tmp_path / "pid"
    command = ("sh", "-c", f"sleep 600 & echo $! >{pid}; wait")
    target = Target("own", "command", (), command=command)
    outcome = deliver.deliver(Delivery(target, MESSAGE), Commands())
    assert outcome.problem and "did not end within" in outcome.problem.in_language("en")
    deadline = time.monotonic() + 10
    while _lives(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(int(pid.read_text()))


def _lives(pid: int) -> bool:
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_process_list_shows_no_url(web: Web) -> None:
    web.hold.clear()
    process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    with process:
        process.stdin.write(Delivery(to(web), MESSAGE).to_json() + "\n")
        process.stdin.close()
        web.wait()
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        variables = Path(f"/proc/{process.pid}/environ").read_bytes()
        web.hold.set()
    assert os.fsencode(TOKEN) not in words + variables
