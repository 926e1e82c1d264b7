"""mirrors.env: what it may hold, and mirrors that do not answer, before anything is built."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("BASE_IMAGE", "APT_MIRROR", "PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Mirror(http.server.BaseHTTPRequestHandler):
    """Has Debian's page and pip's, and nothing else."""

    def do_GET(self) -> None:
        known = self.path in ("/debian/dists/bookworm/Release", "/simple/pip/")
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(b"Suite: oldstable")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def hanging() -> Iterator[str]:
    """Takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def plain_environment(**env: str) -> dict[str, str]:
    ours = {name for each in NAMES for name in (each, each.lower())}
    return {**{name: value for name, value in os.environ.items() if name not in ours}, **env}


def run(*argv: object, code: int, **env: str) -> str:
    done = subprocess.run(
        list(map(str, argv)), env=plain_environment(**env), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def mirrors(tmp_path: Path, text: str, *, code: int = 0, **env: str) -> str:
    file = tmp_path / "mirrors.env"
    file.write_text(text)
    return run(ROOT / "scripts/mirrors.py", "--file", file, *NAMES, code=code, **env)


def test_mirrors_that_answer_are_told_to_the_shell(tmp_path: Path, mirror: str) -> None:
    text = f"# mine\nAPT_MIRROR={mirror}/debian\nPIP_INDEX_URL='{mirror}/simple/' # near\n"
    assert mirrors(tmp_path, f"{text}HTTP_PROXY=\nNO_PROXY=localhost,127.0.0.1").splitlines() == [
        f"export APT_MIRROR={mirror}/debian",
        f"export PIP_INDEX_URL={mirror}/simple/",
        "export NO_PROXY=localhost,127.0.0.1",
        "export no_proxy=localhost,127.0.0.1",
    ]


def test_nothing_is_asked_where_nothing_is_set(tmp_path: Path) -> None:
    assert mirrors(tmp_path, "") == ""
    assert run(ROOT / "scripts/mirrors.py", "--file", tmp_path / "none", *NAMES, code=0) == ""


def test_the_environment_counts_more_than_the_file(
    tmp_path: Path, mirror: str, closed: str
) -> None:
    said = mirrors(tmp_path, f"APT_MIRROR={closed}/debian", APT_MIRROR=f"{mirror}/debian")
    assert said == f"export APT_MIRROR={mirror}/debian\n"


def test_the_example_is_a_file_that_changes_nothing() -> None:
    assert (
        run(ROOT / "scripts/mirrors.py", "--file", ROOT / "mirrors.example.env", *NAMES, code=0)
        == ""
    )


@pytest.mark.parametrize("name", ["APT_MIRROR", "PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY"])
def test_a_closed_port(tmp_path: Path, closed: str, name: str) -> None:
    said = mirrors(tmp_path, f"{name}={closed}", code=2)
    assert f"{name}={closed} (mirrors.env:1) does not answer: [Errno 111]" in said
    assert said.count("error:") == 1


IMPATIENT = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import mirrors
mirrors.LIMIT_S = 0.5
sys.exit(mirrors.main())
"""


def test_mirrors_that_hang(tmp_path: Path, hanging: str) -> None:
    names = ("APT_MIRROR", "PIP_INDEX_URL")
    file = tmp_path / "mirrors.env"
    file.write_text("".join(f"\n{name}={hanging}/x" for name in names))
    said = run(sys.executable, "-c", IMPATIENT, "--file", file, *NAMES, code=2)
    for line, name in enumerate(names, 2):
        assert f"{name}={hanging}/x (mirrors.env:{line}) does not answer" in said


def test_an_address_that_is_another_thing(tmp_path: Path, mirror: str) -> None:
    said = mirrors(tmp_path, f"APT_MIRROR={mirror}/ubuntu", code=2)
    assert "answers 404" in said and "dists/bookworm/Release" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("APT_MIROR=http://h", "mirrors.env:1: unknown name APT_MIROR; known are BASE_IMAGE"),
        ("APT_MIRROR", "mirrors.env:1: is not NAME=VALUE"),
        ("\nAPT_MIRROR = http://h", "mirrors.env:2: is not NAME=VALUE"),
        ("APT_MIRROR='http://h", "mirrors.env:1: No closing quotation"),
        ("NO_PROXY=a\nNO_PROXY=b", "mirrors.env:2: NO_PROXY stands there already (mirrors.env:1)"),
        ("APT_MIRROR=host/debian", "is no address"),
        ("HTTP_PROXY=host:3128", "is no address"),
        ("PIP_INDEX_URL=https://me:s3cret@host/simple", "holds a user name or password"),
    ],
)
def test_what_the_file_may_not_hold(tmp_path: Path, text: str, said: str) -> None:
    told = mirrors(tmp_path, text, code=2)
    assert said in told
    assert "s3cret" not in told


def test_a_proxys_password_is_not_shown(tmp_path: Path, closed: str) -> None:
    address = closed.replace("//", "//me:s3cret@")
    said = mirrors(tmp_path, f"HTTP_PROXY={address}", code=2)
    assert "HTTP_PROXY=http://***@127.0.0.1" in said and "s3cret" not in said


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("build-image.sh", "APT_MIRROR"),
        ("build-image.sh", "PIP_INDEX_URL"),
        ("venv.sh", "PIP_INDEX_URL"),
    ],
)
def test_no_script_begins_without_its_mirror(
    tmp_path: Path, closed: str, script: str, name: str
) -> None:
    for part in ("scripts", "stacks", "requirements"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "mirrors.env").write_text(f"{name}={closed}\n")
    said = run(tmp_path / "scripts" / script, code=2)
    assert f"{name}={closed} (mirrors.env:1) does not answer" in said
    assert "nothing was built" in said
    assert not (tmp_path / ".venv").exists()
